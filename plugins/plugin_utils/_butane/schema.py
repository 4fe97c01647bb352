# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the spec: every structure and field of the Flatcar variant of Butane, and of the Ignition it becomes.

Read it beside the published spec page. One row is one field: its name, its type, and where that is not obvious, the version it
exists ``since``, its ``form`` (BUTANE: sugar, not copied; IGNITION: only written), how it is ``written``, what makes its elements
``unique``, and the rules for its value, which see an absent one too if it is ``required``. Rows are in the order in which
Ignition's JSON is printed. A structure names its own rules after its rows: ``source_rules`` for what the author wrote, ``rules``
for the generated config, and ``sugar``, which turns the one into the other.

A new version of the spec is a row in SPECS and a ``since`` at each new field.
"""

from __future__ import annotations

from operator import methodcaller

from . import sugar
from .rules import disks, ignition, nodes, paths, resources, systemd
from .structure import Form, Scalar, Spec, Unique, Written, many, one, structure

CLEVIS_UNSUPPORTED = {"luks.clevis": "clevis is not supported in this spec version"}
CEX_UNSUPPORTED = {"luks.cex": "cex is not currently supported on the target platform"}

SPECS = (
    Spec("1.0.0", ignition="3.3.0", forbidden=CLEVIS_UNSUPPORTED, s3_arns=False, special_mode_bits=False),
    Spec("1.1.0", ignition="3.4.0", forbidden=CLEVIS_UNSUPPORTED, special_mode_bits=False),
    Spec("1.2.0-experimental", ignition="3.7.0-experimental", forbidden=CEX_UNSUPPORTED),
)
DEFAULT_VERSION = "1.1.0"

STRING, INT, BOOL = Scalar.STRING, Scalar.INT, Scalar.BOOL
BUTANE, IGNITION = Form.BUTANE, Form.IGNITION
V1_1, V1_2 = "1.1.0", "1.2.0-experimental"
ALWAYS, IF_NOT_ZERO = Written.ALWAYS, Written.IF_NOT_ZERO

ITSELF = Unique(lambda value: value)


def by(field: str, among: str = "") -> Unique:
    return Unique(methodcaller("get", field, ""), among)


PATHS_OF_NODES = by("path", among="paths of nodes")
KERNEL_ARGUMENTS_TOGETHER = Unique(lambda value: value, among="kernel arguments")
NUMBER_OR_LABEL = Unique(lambda partition: partition.get("number") or (partition.get("label"),))

# Resources ------------------------------------------------------------------------------------------------------------

HTTP_HEADER = structure(
    "HTTP header",
    one("name", STRING, resources.is_header_name, required=True, written=ALWAYS),
    one("value", STRING, resources.is_header_value),
)
VERIFICATION = structure(
    "verification",
    one("hash", STRING, resources.is_hash),
)
RESOURCE_FIELDS = (
    one("compression", STRING, resources.is_compression),
    many("http_headers", HTTP_HEADER, unique=by("name")),
    one("inline", STRING, form=BUTANE),
    one("local", STRING, form=BUTANE),
    one("source", STRING, resources.is_source),
    one("verification", VERIFICATION),
)
RESOURCE_RULES = (resources.hash_has_a_source, resources.headers_suit_the_source)
RESOURCE = structure(
    "resource",
    *RESOURCE_FIELDS,
    source_rules=(resources.has_one_origin,),
    sugar=(sugar.embed_contents,),
    rules=RESOURCE_RULES,
)
IGNITION_CONFIG = structure(
    "Ignition config",
    *RESOURCE_FIELDS,
    source_rules=(resources.has_one_origin, ignition.inline_config_is_valid),
    sugar=(sugar.embed_contents,),
    rules=RESOURCE_RULES,
)

# ignition -------------------------------------------------------------------------------------------------------------

IGNITION_SECTION = structure(
    "ignition",
    one(
        "config",
        structure(
            "configs",
            many("merge", IGNITION_CONFIG, resources.have_sources, unique=by("source")),
            one("replace", IGNITION_CONFIG),
        ),
    ),
    one(
        "proxy",
        structure(
            "proxy",
            one("http_proxy", STRING, ignition.is_proxy),
            one("https_proxy", STRING, ignition.is_secure_proxy),
            many("no_proxy", STRING, unique=ITSELF),
        ),
    ),
    one(
        "security",
        structure(
            "security",
            one(
                "tls",
                structure(
                    "TLS",
                    many("certificate_authorities", RESOURCE, resources.have_sources, unique=by("source")),
                ),
            ),
        ),
    ),
    one(
        "timeouts",
        structure(
            "timeouts",
            one("http_response_headers", INT),
            one("http_total", INT),
        ),
    ),
    one("version", STRING, form=IGNITION),
)

# kernel_arguments -----------------------------------------------------------------------------------------------------

KERNEL_ARGUMENTS = structure(
    "kernel arguments",
    many("should_exist", STRING, unique=KERNEL_ARGUMENTS_TOGETHER),
    many("should_not_exist", STRING, unique=KERNEL_ARGUMENTS_TOGETHER),
)

# passwd ---------------------------------------------------------------------------------------------------------------

GROUP = structure(
    "group",
    one("gid", INT),
    one("name", STRING, written=ALWAYS),
    one("password_hash", STRING),
    one("should_exist", BOOL),
    one("system", BOOL),
)
USER = structure(
    "user",
    one("gecos", STRING),
    many("groups", STRING, unique=ITSELF),
    one("home_dir", STRING),
    one("name", STRING, written=ALWAYS),
    one("no_create_home", BOOL),
    one("no_log_init", BOOL),
    one("no_user_group", BOOL),
    one("password_hash", STRING),
    one("primary_group", STRING),
    many("ssh_authorized_keys", STRING, unique=ITSELF),
    many("ssh_authorized_keys_local", STRING, form=BUTANE, since=V1_1),
    one("shell", STRING),
    one("should_exist", BOOL),
    one("system", BOOL),
    one("uid", INT),
    sugar=(sugar.read_authorized_keys,),
)
PASSWD = structure(
    "passwd",
    many("groups", GROUP, unique=by("name")),
    many("users", USER, unique=by("name")),
)

# storage: files, directories, links, trees ----------------------------------------------------------------------------

NODE_OWNER = structure(
    "owner",
    one("id", INT),
    one("name", STRING),
)
NODE_FIELDS = (
    one("group", NODE_OWNER, nodes.has_id_or_name),
    one("overwrite", BOOL),
    one("path", STRING, paths.is_clean_path, required=True, written=ALWAYS),
    one("user", NODE_OWNER, nodes.has_id_or_name),
)
DIRECTORY = structure(
    "directory",
    *NODE_FIELDS,
    one("mode", INT, nodes.is_mode),
    source_rules=(nodes.directory_mode_is_octal,),
)
FILE = structure(
    "file",
    *NODE_FIELDS,
    many("append", RESOURCE),
    one("contents", RESOURCE),
    one("mode", INT, nodes.is_mode),
    source_rules=(nodes.file_mode_is_octal,),
    rules=(nodes.overwrites_with_something,),
)
LINK = structure(
    "link",
    *NODE_FIELDS,
    one("hard", BOOL),
    one("target", STRING, nodes.is_link_target, required=True),
    rules=(nodes.hard_link_has_no_owner,),
)
TREE = structure(
    "tree",
    one("dir_mode", INT, since=V1_2),
    one("file_mode", INT, since=V1_2),
    one("group", NODE_OWNER, since=V1_2),
    one("local", STRING),
    one("path", STRING),
    one("user", NODE_OWNER, since=V1_2),
    source_rules=(nodes.tree_has_a_root,),
)

# storage: disks, RAID, filesystems, LUKS ------------------------------------------------------------------------------

PARTITION = structure(
    "partition",
    one("guid", STRING, disks.is_guid),
    one("label", STRING, disks.is_partition_label),
    one("number", INT, written=IF_NOT_ZERO),
    one("resize", BOOL),
    one("should_exist", BOOL),
    one("size_mib", INT, json_name="sizeMiB"),
    one("start_mib", INT, json_name="startMiB"),
    one("type_guid", STRING, disks.is_guid),
    one("wipe_partition_entry", BOOL),
    rules=(disks.partition_that_must_not_exist_says_nothing_else, disks.partition_can_be_found),
)
DISK = structure(
    "disk",
    one("device", STRING, paths.is_device, required=True, written=ALWAYS),
    many("partitions", PARTITION, unique=NUMBER_OR_LABEL),
    one("wipe_table", BOOL),
    rules=(disks.partitions_fit_together,),
)
FILESYSTEM = structure(
    "filesystem",
    one("device", STRING, paths.is_clean_path, required=True, written=ALWAYS),
    one("format", STRING),
    one("label", STRING),
    many("mount_options", STRING),
    many("options", STRING),
    one("path", STRING, paths.is_clean_path_if_set),
    one("uuid", STRING),
    one("wipe_filesystem", BOOL),
    one("with_mount_unit", BOOL, form=BUTANE),
    source_rules=(disks.mount_unit_is_possible,),
    rules=(disks.is_filesystem_format, disks.is_filesystem_label),
)
TANG = structure(
    "tang",
    one("advertisement", STRING, disks.is_advertisement, since=V1_1),
    one("thumbprint", STRING, disks.is_thumbprint, required=True),
    one("url", STRING, disks.is_tang_url, required=True, written=IF_NOT_ZERO),
)
CLEVIS = structure(
    "clevis",
    one(
        "custom",
        structure(
            "custom clevis",
            one("config", STRING),
            one("needs_network", BOOL),
            one("pin", STRING),
            rules=(disks.custom_clevis_is_complete,),
        ),
    ),
    many("tang", TANG, unique=by("url")),
    one("threshold", INT),
    one("tpm2", BOOL),
)
LUKS = structure(
    "luks",
    one("cex", structure("cex", one("enabled", BOOL)), since=V1_2),
    one("clevis", CLEVIS, disks.clevis_is_custom_or_not),
    one("device", STRING, paths.is_device, required=True),
    one("discard", BOOL, since=V1_1),
    one("key_file", RESOURCE),
    one("label", STRING, disks.is_luks_label),
    one("name", STRING, disks.is_luks_name, written=ALWAYS),
    many("open_options", STRING, since=V1_1, unique=ITSELF),
    many("options", STRING),
    one("uuid", STRING),
    one("wipe_volume", BOOL),
    rules=(resources.key_file_is_there,),
)
RAID = structure(
    "raid",
    many("devices", STRING, paths.are_clean_paths, unique=ITSELF),
    one("level", STRING),
    one("name", STRING, written=ALWAYS),
    many("options", STRING),
    one("spares", INT),
    rules=(disks.is_raid_level, disks.has_raid_devices),
)
STORAGE = structure(
    "storage",
    many("directories", DIRECTORY, unique=PATHS_OF_NODES),
    many("disks", DISK, unique=by("device")),
    many("files", FILE, unique=PATHS_OF_NODES),
    many("filesystems", FILESYSTEM, unique=by("device")),
    many("links", LINK, unique=PATHS_OF_NODES),
    many("luks", LUKS, unique=by("name")),
    many("raid", RAID, unique=by("name")),
    many("trees", TREE, form=BUTANE),
    rules=(nodes.paths_avoid_links, nodes.hard_links_are_not_to_directories, disks.filesystems_respect_disks),
)

# systemd --------------------------------------------------------------------------------------------------------------

DROPIN = structure(
    "drop-in",
    one("contents", STRING, systemd.is_dropin_text),
    one("contents_local", STRING, form=BUTANE, since=V1_1),
    one("name", STRING, systemd.is_dropin_name, required=True, written=ALWAYS),
    source_rules=(resources.has_one_contents,),
    sugar=(sugar.read_contents,),
)
UNIT = structure(
    "unit",
    one("contents", STRING),
    one("contents_local", STRING, form=BUTANE, since=V1_1),
    many("dropins", DROPIN, unique=by("name")),
    one("enabled", BOOL),
    one("mask", BOOL),
    one("name", STRING, systemd.is_unit_name, required=True, written=ALWAYS),
    source_rules=(resources.has_one_contents,),
    sugar=(sugar.read_contents,),
    rules=(systemd.has_sound_contents,),
)
QUADLET_DROPIN = structure(
    "quadlet drop-in",
    one("contents", STRING),
    one("contents_local", STRING),
    one("name", STRING),
    source_rules=(resources.has_one_contents,),
)
QUADLET = structure(
    "quadlet",
    one("contents", STRING),
    one("contents_local", STRING),
    many("dropins", QUADLET_DROPIN),
    one("name", STRING),
    one("rootful", BOOL),
    source_rules=(systemd.is_quadlet,),
)
SYSTEMD = structure(
    "systemd",
    many("quadlets", QUADLET, form=BUTANE, since=V1_2),
    many("units", UNIT, unique=by("name")),
    rules=(systemd.templates_of_enabled_instances_can_be_enabled,),
)

# The whole ------------------------------------------------------------------------------------------------------------

CONFIG = structure(
    "config",
    one("variant", STRING, form=BUTANE),
    one("version", STRING, form=BUTANE),
    one("ignition", IGNITION_SECTION),
    one("kernel_arguments", KERNEL_ARGUMENTS),
    one("passwd", PASSWD),
    one("storage", STORAGE),
    one("systemd", SYSTEMD),
    sugar=(sugar.add_mount_units, sugar.add_trees, sugar.add_quadlets),
    rules=(nodes.paths_avoid_units,),
)

__all__ = ("CONFIG", "DEFAULT_VERSION", "SPECS")
