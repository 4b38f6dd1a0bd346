"""Settings: ``INTERPSCORE_*`` in the environment, over a settings file, over defaults."""

from __future__ import annotations

import os
import secrets
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from stimuli.errors import UserError
from stimuli.files import explaining_no_room, make_folder, written_text

PREFIX = "INTERPSCORE_"
DEFAULT_FILE = "interpscore.toml"
#: bytes of a secret key, written as hexadecimal digits
KEY_BYTES = 32
SHORTEST_KEY = 32
#: the settings that are keys
KEYS = ("secret_key", "identity_key")


class Settings(BaseSettings):
    """Where things are kept, how the database is reached, and what the server allows."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    #: images, the secret key, and the SQLite database unless another is named
    data_dir: Path = Path("interpscore-data")
    #: a SQLAlchemy URL, sqlite:/// or postgresql+psycopg://; None for SQLite in the data directory
    database_url: str | None = None
    #: at least 32 characters; None to use the file ``secret_key`` in the data directory
    secret_key: SecretStr | None = Field(default=None, min_length=SHORTEST_KEY)
    #: at least 32 characters; Prolific's IDs are encrypted with it; None to keep them as they come
    identity_key: SecretStr | None = Field(default=None, min_length=SHORTEST_KEY)
    #: reverse proxies in front of the server, each of which adds to X-Forwarded-For; 0 trusts no such header
    trusted_proxies: int = Field(default=0, ge=0, le=8)
    #: the server is reached over HTTPS only: browsers are told to insist on it
    https: bool = False
    #: that one session may make on average, and at once after a pause
    requests_per_minute: int = Field(default=600, ge=1)
    #: new arrivals from one address, on average, and at once after a pause
    arrivals_per_minute: int = Field(default=600, ge=1)

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'interpscore.sqlite3').absolute()}"

    @property
    def images_dir(self) -> Path:
        """The folder of content-addressed pictures, ``<sha256>.png``."""
        return self.data_dir / "images"

    @property
    def key(self) -> bytes:
        """The installation's secret key; made at its first use, readable by its owner only."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value().encode()
        return secret_key_in(self.data_dir / "secret_key")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the settings file."""
        return (init_settings, env_settings, InitSettingsSource(settings_cls, _table_of(settings_file())))


def settings_file() -> Path:
    """The settings file: the one the environment names, or interpscore.toml in the working directory."""
    return Path(os.environ.get(f"{PREFIX}SETTINGS_FILE") or DEFAULT_FILE)


def _table_of(path: Path) -> dict[str, Any]:
    """What a settings file says; nothing where there is none. Raises ValueError if it is no TOML."""
    return tomllib.loads(written_text(path)) if path.is_file() else {}


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises UserError, naming the setting, if one is wrong."""
    path = settings_file()
    if f"{PREFIX}SETTINGS_FILE" in os.environ and not path.is_file():
        raise UserError(
            f"there is no settings file {path}; correct INTERPSCORE_SETTINGS_FILE or create the file"
        )
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise UserError(_sentence(error, path)) from error
    except ValueError as error:
        raise UserError(f"the settings file {path} is not valid TOML ({error}); correct it there") from error
    _check_url(settings.url)
    return settings


def _sentence(error: ValidationError, path: Path) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        allowed = ", ".join(Settings.model_fields)
        return f"unknown setting {name} in {path}; allowed are {allowed}"
    what = f"write at least {SHORTEST_KEY} characters" if name in KEYS else first["msg"]
    return f"the setting {name} ({PREFIX}{name.upper()} or {path}) is wrong: {what}; correct it there"


def _check_url(url: str) -> None:
    try:
        driver = make_url(url).drivername
    except ArgumentError:
        driver = ""
    if driver not in ("sqlite", "postgresql+psycopg"):
        raise UserError(
            "the setting database_url is not one that can be used; "
            "write sqlite:////path/to/file or postgresql+psycopg://user@host/name"
        )


def secret_key_in(path: Path) -> bytes:
    """Read the secret key, or make one that only its owner can read; of two first starts, one wins."""
    if not path.exists():
        make_folder(path.parent, private=True)
        with explaining_no_room(path):
            _write_once(path, secrets.token_hex(KEY_BYTES))
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the secret key {path} ({error}); restore the file") from error
    if len(key) < SHORTEST_KEY:
        raise UserError(f"the secret key {path} is too short; restore the file from your backup")
    return key.encode()


def _write_once(path: Path, text: str) -> None:
    """Put a whole file where none is; a hard link fails if another process was first."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o600)
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
