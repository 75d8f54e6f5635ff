from dataclasses import replace

import pytest

from lets.data.catalogue import DATASETS, DatasetInfo


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> DatasetInfo:
    """Imagenette as small as the pictures of `pictures_root`, and with it whole."""
    info = replace(DATASETS["imagenette"], classes=3, train_size=21, test_size=9, image=(3, 56, 56))
    monkeypatch.setitem(DATASETS, "imagenette", info)
    return info
