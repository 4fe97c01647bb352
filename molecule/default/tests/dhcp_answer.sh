#!/bin/sh
[ "$1" != bound ] || env
