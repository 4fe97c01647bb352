"""The inventory's files as they are written: what Ansible would lose of them without a word.

Ansible hands on what is left of a file: of a key that is given twice the last value, of ``0123`` the number 83, of a text behind
``{#`` nothing. Here the files themselves are looked at, each parsed once, and only those that speak of Kindling's variables.
"""
