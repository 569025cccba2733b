"""Sequence classifiers of several architectures and precisions, scored as their own library would."""

import json
import math

import numpy as np
import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from qushi.core import ConfigError, DataError
from qushi.core.compute import torch_threads
from qushi.sentiment import Classifier, TrainingSettings, load_scorer, sample_labels, train_classifier
from qushi.sentiment.scorers._int8 import Int8Linear
from small_classifiers import ARCHITECTURES, NAMES, make_classifier

TEXTS = [*sample_labels()["text"].tolist()[:40], "跌", "", "跌" * 300]
TORCH = ("float32", "bfloat16", "int8")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: make_classifier(tmp_path_factory.mktemp(name), name) for name in ARCHITECTURES}


@pytest.fixture(scope="module")
def bert(folders):
    return folders["bert"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    settings = TrainingSettings(
        hidden=48, layers=1, heads=2, epochs=2, max_length=48, learning_rate=3e-3
    )
    return train_classifier(sample_labels(), settings, tmp_path_factory.mktemp("m") / "trained").folder


def one_by_one(folder, length):
    """Probabilities of (neg, neu, pos) from the library itself: a text at a time, without padding."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).float().eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for text in TEXTS:
        inputs = tokenizer(text, truncation=True, max_length=length, return_tensors="pt")
        with torch.inference_mode(), torch_threads(1):
            found.append(torch.softmax(model(**inputs).logits, dim=-1)[0].numpy())
    return np.array(found)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_are_those_of_the_model_alone_on_each_text(folders, architecture):
    classifier = Classifier.load(folders[architecture])
    # the RoBERTa kinds number positions from the one after their padding's
    assert classifier.max_length == (65 if "roberta" in architecture else 66)
    truth = one_by_one(folders[architecture], classifier.max_length)
    assert truth.std(axis=0).max() > 0.01
    np.testing.assert_allclose(classifier.probabilities(TEXTS), truth, atol=1e-5)


@pytest.mark.parametrize("precision", TORCH)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_do_not_depend_on_order_and_company_in_any_precision(folders, architecture, precision):
    classifier = Classifier.load(folders[architecture], precision=precision)
    whole = classifier.probabilities(TEXTS)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    again = classifier.probabilities([TEXTS[i] for i in order])
    np.testing.assert_array_equal(again, whole[order])
    np.testing.assert_array_equal(classifier.probabilities(TEXTS[3:6]), whole[3:6])


@pytest.mark.parametrize(("precision", "near"), [("bfloat16", 0.05), ("int8", 0.05)])
def test_lower_precision_of_a_trained_model_says_almost_the_same(trained, precision, near):
    texts = sample_labels()["text"].tolist()[:300]
    full = Classifier.load(trained).probabilities(texts)
    low = Classifier.load(trained, precision=precision).probabilities(texts)
    assert 0 < np.abs(low - full).max() < near
    assert (low.argmax(axis=1) == full.argmax(axis=1)).mean() > 0.98


def test_every_precision_is_another_scorer(bert):
    loaded = {precision: Classifier.load(bert, precision=precision) for precision in TORCH}
    assert len({one.fingerprint for one in loaded.values()}) == 3
    assert [one.facts["precision"] for one in loaded.values()] == list(TORCH)


def test_int8_layer_is_the_rounded_product():
    generator = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(48, 64)
    given = torch.randn(3, 5, 48, generator=generator)
    given[1, 2] = 0.0
    found = Int8Linear(linear)(given).detach().double().numpy()
    weight, rows = linear.weight.detach().double().numpy(), given.double().numpy().reshape(-1, 48)
    left = np.abs(rows).max(axis=1, keepdims=True).clip(1e-12) / 127
    right = np.abs(weight).max(axis=1) / 127
    whole = np.round(rows / left) @ np.round(weight / right[:, None]).T
    expected = whole * left * right + linear.bias.detach().double().numpy()
    # a value half-way between two integers may be rounded either way in single precision
    np.testing.assert_allclose(found.reshape(-1, 64), expected, atol=2 * (left * right).max() * 127)
    assert np.median(np.abs(found.reshape(-1, 64) - expected)) < 1e-6
    exact = linear(given).detach().double().numpy()
    assert np.abs(found - exact).max() < 0.02 * np.abs(exact).max()


def test_int8_replaces_wide_layers_and_leaves_the_head(bert):
    model = AutoModelForSequenceClassification.from_pretrained(bert)
    from qushi.sentiment.scorers._int8 import quantise

    before = sum(isinstance(part, torch.nn.Linear) for part in model.modules())
    quantise(model)
    assert sum(isinstance(part, Int8Linear) for part in model.modules()) == before - 1
    assert isinstance(model.classifier, torch.nn.Linear)


def test_int8_on_a_processor_whose_products_overflow_is_refused(bert, monkeypatch):
    exact = torch._int_mm
    monkeypatch.setattr("torch._int_mm", lambda left, right: exact(left, right).clamp(max=2**15 - 1))
    with pytest.raises(ConfigError, match="overflow"):
        Classifier.load(bert, precision="int8")


def test_bfloat16_without_native_arithmetic_is_told(bert, monkeypatch):
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False)
    notes = []

    class Listener:
        def begin(self, task, total): ...
        def advance(self, task, steps=1): ...
        def note(self, message):
            notes.append(message)

    Classifier.load(bert, precision="bfloat16", device="cpu").probabilities(["跌"], progress=Listener())
    assert ["float32 and int8 are several times faster" in note for note in notes] == [True]
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    assert Classifier.load(bert, precision="bfloat16", device="cpu").notes == ()


@pytest.mark.parametrize("precision", ["int8", "onnx", "onnx_int8"])
def test_cpu_precisions_refuse_another_device(bert, precision):
    with pytest.raises(ConfigError, match=f"precision '{precision}' computes on the CPU"):
        Classifier.load(bert, precision=precision, device="cuda")


def test_weights_saved_in_half_precision_are_scored_in_float32(bert, tmp_path):
    half = AutoModelForSequenceClassification.from_pretrained(bert).to(torch.float16)
    half.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    truth = one_by_one(tmp_path, 66)
    np.testing.assert_allclose(Classifier.load(tmp_path).probabilities(TEXTS), truth, atol=1e-5)


def test_temperature_of_the_card_divides_the_logits(bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("warm")
    make_classifier(folder)
    plain = Classifier.load(folder)
    (folder / "qushi.json").write_text(json.dumps({"temperature": 2.5}), encoding="utf-8")
    warm = Classifier.load(folder)
    raised = plain.probabilities(TEXTS) ** (1 / 2.5)
    expected = raised / raised.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(warm.probabilities(TEXTS), expected, atol=1e-9)
    assert warm.fingerprint != plain.fingerprint
    for bad in (0, -1, "hot", math.inf):
        (folder / "qushi.json").write_text(json.dumps({"temperature": bad}), encoding="utf-8")
        with pytest.raises(DataError, match="a number above 0 is needed"):
            Classifier.load(folder)


def test_output_names_in_order_or_by_the_models_own_names(tmp_path):
    unnamed = {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    folder = make_classifier(tmp_path, id2label=unnamed)
    with pytest.raises(ConfigError, match="cannot be told apart"):
        load_scorer(folder)
    by_order = load_scorer(folder, labels=("利好", "negative", "neu"))
    named = {"LABEL_0": "pos", "LABEL_1": "neg", "LABEL_2": "neu"}
    by_name = load_scorer(folder, labels=named)
    assert by_order.outputs == by_name.outputs == (1, 2, 0)
    assert by_order.fingerprint == by_name.fingerprint
    with pytest.raises(ConfigError, match="no output 'LABEL_3': did you mean"):
        load_scorer(folder, labels={**named, "LABEL_3": "neu"})
    with pytest.raises(ConfigError, match="cannot be told apart"):
        load_scorer(folder, labels={"LABEL_0": "pos"})


def test_class_names_of_the_hub_are_understood(bert):
    assert NAMES == {0: "负面", 1: "Neutral", 2: "利好"}
    assert Classifier.load(bert).outputs == (0, 1, 2)


def test_tokenizer_that_pads_on_the_left_gives_the_same_scores_for_full_batches(bert):
    """Padding is masked on either side; positions then differ, so only unpadded texts must agree."""
    classifier = Classifier.load(bert)
    classifier.tokenizer.padding_side = "left"
    eight = "跌停恐慌利好"  # with [CLS] and [SEP] eight tokens: a width of its own
    found = classifier.probabilities([eight, "跌"])
    truth = Classifier.load(bert).probabilities([eight, "跌"])
    np.testing.assert_allclose(found[0], truth[0], atol=1e-6)
    assert np.abs(found[1] - truth[1]).max() > 1e-4


def test_text_without_a_token_is_scored_by_any_precision(bert):
    for precision in TORCH:
        classifier = Classifier.load(bert, precision=precision)
        classifier.tokenizer._tokenizer.post_processor = TemplateProcessing(
            single="$A", special_tokens=[]
        )
        assert classifier.tokenizer("")["input_ids"] == []
        found = classifier.probabilities(["", "跌"])
        np.testing.assert_allclose(found.sum(axis=1), 1)


def test_tokenizer_without_padding_is_one_sentence(tmp_path):
    classifier = Classifier.load(make_classifier(tmp_path))
    classifier.tokenizer.pad_token = None
    with pytest.raises(DataError, match="has no padding token"):
        classifier.probabilities(["跌"])


def test_loading_leaves_torch_threads_as_they_were(bert):
    before = torch.get_num_threads()
    Classifier.load(bert, threads=1).probabilities(TEXTS[:5])
    assert torch.get_num_threads() == before
