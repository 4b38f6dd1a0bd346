"""Settings: where they come from, and how a wrong one is said."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiment_server.settings import load_settings, secret_key_in
from stimuli.errors import UserError


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA_DIR", "DATABASE_URL", "SECRET_KEY", "SETTINGS_FILE"):
        monkeypatch.delenv(f"INTERPSCORE_{name}", raising=False)


def test_defaults(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.data_dir == Path("interpscore-data")
    assert settings.url == f"sqlite:///{tmp_path / 'interpscore-data' / 'interpscore.sqlite3'}"
    assert settings.images_dir == Path("interpscore-data/images")


def test_the_environment_is_over_the_file_and_the_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "interpscore.toml").write_text('data_dir = "from-file"\ndatabase_url = "sqlite:///f"\n')
    assert load_settings().data_dir == Path("from-file")
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", "from-environment")
    settings = load_settings()
    assert (settings.data_dir, settings.url) == (Path("from-environment"), "sqlite:///f")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "interpscore.toml").write_text('\ufeffdata_dir = "there"\n', encoding="utf-8")
    assert load_settings().data_dir == Path("there")


def test_the_settings_file_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    monkeypatch.setenv("INTERPSCORE_SETTINGS_FILE", str(other))
    with pytest.raises(UserError) as caught:
        load_settings()
    assert str(caught.value) == (
        f"there is no settings file {other}; correct INTERPSCORE_SETTINGS_FILE or create the file"
    )
    other.write_text('data_dir = "there"\n')
    assert load_settings().data_dir == Path("there")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'data_dri = "x"\n',
            "unknown setting data_dri in interpscore.toml; allowed are data_dir, database_url, secret_key, "
            "identity_key, trusted_proxies, https, requests_per_minute, arrivals_per_minute",
        ),
        (
            'secret_key = "short"\n',
            "the setting secret_key (INTERPSCORE_SECRET_KEY or interpscore.toml) is wrong: "
            "write at least 32 characters; correct it there",
        ),
        (
            'database_url = "mysql://somewhere"\n',
            "the setting database_url is not one that can be used; "
            "write sqlite:////path/to/file or postgresql+psycopg://user@host/name",
        ),
        (
            'database_url = "nonsense"\n',
            "the setting database_url is not one that can be used; "
            "write sqlite:////path/to/file or postgresql+psycopg://user@host/name",
        ),
    ],
)
def test_a_wrong_setting_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "interpscore.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_settings()
    assert str(caught.value) == said


def test_a_file_that_is_no_toml_is_said(tmp_path: Path) -> None:
    (tmp_path / "interpscore.toml").write_text("data_dir = ")
    with pytest.raises(
        UserError, match=r"^the settings file interpscore.toml is not valid TOML \(.*\); correct"
    ):
        load_settings()


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret_key"
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(secret_key_in, [path] * 8))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]


def test_a_damaged_secret_key_is_said(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.write_text("")
    with pytest.raises(UserError) as caught:
        secret_key_in(path)
    assert str(caught.value) == f"the secret key {path} is too short; restore the file from your backup"


def test_a_given_secret_key_is_used_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERPSCORE_SECRET_KEY", "k" * 40)
    settings = load_settings()
    assert settings.key == b"k" * 40
    assert "kkkk" not in repr(settings)
