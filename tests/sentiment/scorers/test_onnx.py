"""Classifiers in ONNX Runtime: the same answers, exported once, nothing half-written."""

import shutil

import numpy as np
import pytest

from qushi.core import ConfigError, MissingExtraError
from qushi.sentiment import Classifier, sample_labels
from qushi.sentiment.scorers import _onnx
from small_classifiers import ARCHITECTURES, make_classifier

TEXTS = [*sample_labels()["text"].tolist()[:40], "跌", "", "跌" * 300]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return make_classifier(tmp_path_factory.mktemp("models"), num_hidden_layers=1)


@pytest.fixture(scope="module")
def exported(bert, tmp_path_factory):
    """A store that holds the exported model."""
    store = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUSHI_STORE", str(store))
        Classifier.load(bert, precision="onnx_int8")
    return store


@pytest.fixture
def store(exported, tmp_path, monkeypatch):
    """A copy of it, in force."""
    copy = shutil.copytree(exported, tmp_path / "store")
    monkeypatch.setenv("QUSHI_STORE", str(copy))
    return copy


def no_export(*args):
    raise AssertionError("exported again")


def test_onnx_agrees_with_torch(store, bert):
    truth = Classifier.load(bert).probabilities(TEXTS)
    found = Classifier.load(bert, precision="onnx").probabilities(TEXTS)
    assert truth.std(axis=0).max() > 0.05
    np.testing.assert_allclose(found, truth, atol=1e-5)


def test_onnx_int8_is_near_and_smaller(store, bert):
    truth = Classifier.load(bert).probabilities(TEXTS)
    found = Classifier.load(bert, precision="onnx_int8").probabilities(TEXTS)
    assert 0 < np.abs(found - truth).mean() < 0.05
    assert (found.argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.9
    small, plain = (
        sum(
            path.stat().st_size
            for path in store.rglob("model.onnx*")
            if (path.parent.name == "int8") == is8
        )
        for is8 in (True, False)
    )
    assert small < plain


@pytest.mark.parametrize("precision", ["onnx", "onnx_int8"])
def test_onnx_scores_do_not_depend_on_order_and_company(store, bert, precision):
    classifier = Classifier.load(bert, precision=precision)
    whole = classifier.probabilities(TEXTS)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    found = classifier.probabilities([TEXTS[i] for i in order])
    np.testing.assert_array_equal(found, whole[order])
    np.testing.assert_array_equal(classifier.probabilities(TEXTS[3:6]), whole[3:6])


def test_export_is_found_again_in_the_store(store, bert, monkeypatch):
    monkeypatch.setattr(_onnx, "_export", no_export)
    monkeypatch.setattr(_onnx, "_quantise", no_export)
    for precision in ("onnx", "onnx_int8"):
        Classifier.load(bert, precision=precision)


def test_precisions_have_fingerprints_of_their_own(store, bert):
    marks = {p: Classifier.load(bert, precision=p).fingerprint for p in ("float32", "onnx", "onnx_int8")}
    assert len(set(marks.values())) == 3


def test_export_that_is_interrupted_leaves_nothing(bert, tmp_path, monkeypatch):
    def interrupted(model, names, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setenv("QUSHI_STORE", str(tmp_path))
    monkeypatch.setattr(_onnx, "_export", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Classifier.load(bert, precision="onnx")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_export_whose_answers_are_not_the_models_is_refused(store, bert, tmp_path, monkeypatch):
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(bert).eval()
    path = next(path for path in store.rglob("model.onnx") if path.parent.name != "int8")
    names = ["input_ids", "token_type_ids", "attention_mask"]
    _onnx._check_answers(model, names, path)
    model.classifier.bias.data += 0.1
    with pytest.raises(ConfigError, match=r"off by 0\.1 in a logit"):
        _onnx._check_answers(model, names, path)


def test_model_that_cannot_be_exported_is_one_sentence(bert, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no symbolic\nshape")

    monkeypatch.setenv("QUSHI_STORE", str(tmp_path))
    monkeypatch.setattr("torch.onnx.export", fail)
    with pytest.raises(ConfigError, match=r"cannot be exported to ONNX \(no symbolic shape\)"):
        Classifier.load(bert, precision="onnx")


def test_graph_that_cannot_be_put_in_8_bits_is_one_sentence(store, bert, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("too large")

    for folder in store.rglob("int8"):
        shutil.rmtree(folder)
    monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", fail)
    with pytest.raises(ConfigError, match=r"cannot be put in 8 bits \(too large\)"):
        Classifier.load(bert, precision="onnx_int8")


def test_processor_whose_products_overflow_is_refused(store, bert, monkeypatch):
    assert _onnx._largest_product() == 255 * 127 * 256
    monkeypatch.setattr(_onnx, "_largest_product", lambda: 2**15 - 1)
    Classifier.load(bert, precision="onnx")
    with pytest.raises(ConfigError, match="overflow"):
        Classifier.load(bert, precision="onnx_int8")


@pytest.mark.parametrize("package", ["onnxruntime", "onnx", "onnxscript"])
def test_missing_package_names_the_extra(bert, monkeypatch, package):
    found = _onnx.importlib.util.find_spec
    monkeypatch.setattr(
        _onnx.importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    with pytest.raises(MissingExtraError, match=rf"{package}.*qushi\[onnx\]"):
        Classifier.load(bert, precision="onnx")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "bert"])
def test_other_architectures_are_exported_as_well(architecture, tmp_path, monkeypatch):
    monkeypatch.setenv("QUSHI_STORE", str(tmp_path / "store"))
    folder = make_classifier(tmp_path / "model", architecture)
    truth = Classifier.load(folder).probabilities(TEXTS)
    found = Classifier.load(folder, precision="onnx").probabilities(TEXTS)
    np.testing.assert_allclose(found, truth, atol=1e-5)
