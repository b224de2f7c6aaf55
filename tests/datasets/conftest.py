import pytest


@pytest.fixture
def folder(tmp_path, make_images):
    """Twelve images of 40×40 of one's own to change."""
    return make_images(tmp_path / "set", 12)
