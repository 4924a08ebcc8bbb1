"""The user's own W&B key, found where wandb finds it, without importing wandb."""

import os

BASE_URL = "https://api.wandb.ai"
KEY_BYTES_MAX = 4096  # the wire takes no more


def check(given):
    """What ``init`` was given, if it may be: None, True, False or a key. Words about a wrong one do not repeat it."""
    if given is None or isinstance(given, bool):
        return given
    if not isinstance(given, str):
        raise TypeError("wandb_key: expected a key as text, True or False, got a %s" % type(given).__name__)
    if not _is_plain(given):
        raise ValueError("wandb_key: expected 1 ... %d bytes without blanks and control characters" % KEY_BYTES_MAX)
    return given


def find(base_url):
    """(the key for that W&B, "") or (None, where it was looked for and why there is none)."""
    if not _is_plain(base_url):
        return None, "the base URL is no address"
    key = os.environ.get("WANDB_API_KEY", "").strip()
    if key:
        return _usable(key, "$WANDB_API_KEY")
    if os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return None, "wandb would use $WANDB_IDENTITY_TOKEN_FILE, which is no key"
    return _find_in_netrc(_netrc_path(), _machine(base_url))


def _usable(key, where):
    return (key, "") if _is_plain(key) else (None, "%s holds no key" % where)


def _is_plain(key):
    return 0 < len(key.encode("utf-8", "replace")) <= KEY_BYTES_MAX and key.isprintable() and " " not in key


def _find_in_netrc(path, machine):
    import netrc

    try:
        found = netrc.netrc(path).authenticators(machine)
    except FileNotFoundError:
        return None, "neither $WANDB_API_KEY nor %s is there" % path
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
        return None, "%s cannot be read" % path  # an error's own words may quote the file
    if not found or not found[2]:
        return None, "$WANDB_API_KEY is not set, and %s has no password for machine %s" % (path, machine)
    return _usable(found[2], path)


def _netrc_path():
    given = os.environ.get("NETRC")
    if given:
        return os.path.expanduser(given)
    usual, windows = os.path.expanduser("~/.netrc"), os.path.expanduser("~/_netrc")
    return windows if os.path.exists(windows) and not os.path.exists(usual) else usual


def _machine(base_url):
    """With its port, if it has one."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(base_url).netloc
    except ValueError:
        return ""


def base_url():
    """Where wandb would log in. The folder's settings win over the user's."""
    given = os.environ.get("WANDB_BASE_URL")
    return given or _base_url_of(_settings_here()) or _base_url_of(_settings_of_user()) or BASE_URL


def _settings_here():
    root = os.environ.get("WANDB_DIR") or os.curdir
    hidden = os.path.join(root, ".wandb")
    return os.path.join(hidden if os.path.isdir(hidden) else os.path.join(root, "wandb"), "settings")


def _settings_of_user():
    folder = os.environ.get("WANDB_CONFIG_DIR") or os.path.join("~", ".config", "wandb")
    return os.path.join(os.path.expanduser(folder), "settings")


def _base_url_of(path):
    import configparser

    settings = configparser.ConfigParser(interpolation=None)
    try:
        with open(path, encoding="utf-8") as file:
            settings.read_file(file)
        return settings.get("default", "base_url", fallback=None)
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None
