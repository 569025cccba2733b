"""Pre-trained models of a few thousand random weights, written as their own libraries write them."""

from pathlib import Path

import torch

DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def write_chronos_t5(folder: Path, seed: int = 0) -> Path:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=64, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_decoder_layers=1, num_heads=2,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    config.chronos_config = {
        "tokenizer_class": "MeanScaleUniformBins",
        "tokenizer_kwargs": {"low_limit": -3.0, "high_limit": 3.0},
        "context_length": 32, "prediction_length": 8, "n_tokens": 64, "n_special_tokens": 2,
        "pad_token_id": 0, "eos_token_id": 1, "use_eos_token": True, "model_type": "seq2seq",
        "num_samples": 20, "temperature": 1.0, "top_k": 50, "top_p": 1.0,
    }  # fmt: skip
    config.chronos_pipeline_class = "ChronosPipeline"
    torch.manual_seed(seed)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def write_chronos_bolt(folder: Path, seed: int = 0) -> Path:
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    config = T5Config(
        vocab_size=2, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_decoder_layers=1, num_heads=2,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    config.chronos_config = {
        "context_length": 32, "prediction_length": 8, "input_patch_size": 4, "input_patch_stride": 4,
        "quantiles": DECILES, "use_reg_token": True,
    }  # fmt: skip
    config.chronos_pipeline_class = "ChronosBoltPipeline"
    config.architectures = ["ChronosBoltModelForForecasting"]
    torch.manual_seed(seed)
    ChronosBoltModelForForecasting(config).save_pretrained(folder)
    return folder


def write_chronos_2(folder: Path, seed: int = 0) -> Path:
    from chronos.chronos2 import Chronos2CoreConfig, Chronos2Model

    config = Chronos2CoreConfig(d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2, vocab_size=2)
    config.chronos_config = {
        "context_length": 32, "output_patch_size": 4, "input_patch_size": 4, "input_patch_stride": 4,
        "quantiles": DECILES, "use_reg_token": True, "use_arcsinh": True, "max_output_patches": 2,
        "time_encoding_scale": 32,
    }  # fmt: skip
    config.chronos_pipeline_class = "Chronos2Pipeline"
    config.architectures = ["Chronos2Model"]
    torch.manual_seed(seed)
    Chronos2Model(config).save_pretrained(folder)
    return folder


def write_timesfm(folder: Path, seed: int = 0) -> Path:
    from transformers import TimesFmConfig, TimesFmModelForPrediction

    config = TimesFmConfig(
        patch_length=4, context_length=32, horizon_length=8, num_hidden_layers=1, hidden_size=8,
        intermediate_size=16, head_dim=4, num_attention_heads=2,
    )  # fmt: skip
    torch.manual_seed(seed)
    TimesFmModelForPrediction(config).save_pretrained(folder)
    return folder


def write_timesfm_2_5(folder: Path, seed: int = 0) -> Path:
    from transformers import TimesFm2_5Config, TimesFm2_5ModelForPrediction

    config = TimesFm2_5Config(
        patch_length=4, context_length=32, horizon_length=8, num_hidden_layers=1, hidden_size=8,
        intermediate_size=16, head_dim=4, num_attention_heads=2, num_key_value_heads=2,
        output_quantile_len=8, max_position_embeddings=64,
    )  # fmt: skip
    torch.manual_seed(seed)
    TimesFm2_5ModelForPrediction(config).save_pretrained(folder)
    return folder


def write_kronos(folder: Path, seed: int = 0, *, learned: bool = True) -> tuple[Path, Path]:
    """A decoder and its tokenizer, with the buffers that the published files hold."""
    import json

    from safetensors.torch import save_file

    from qushi.forecasters.models._kronos import KronosDecoder, KronosTokenizer

    shared = {"s1_bits": 3, "s2_bits": 3, "d_model": 8, "ff_dim": 16}
    drop = {"ffn_dropout_p": 0.1, "attn_dropout_p": 0.1, "resid_dropout_p": 0.1}
    sizes = {**shared, **drop, "n_layers": 2, "n_heads": 2, "token_dropout_p": 0.1, "learn_te": learned}
    words = {**shared, **drop, "d_in": 6, "n_heads": 2, "n_enc_layers": 2, "n_dec_layers": 2}
    words |= {"beta": 0.05, "gamma0": 1.0, "gamma": 1.1, "zeta": 0.05, "group_size": 3}
    torch.manual_seed(seed)
    for name, net, config in (
        ("decoder", KronosDecoder(sizes), sizes),
        ("tokenizer", KronosTokenizer(words), words),
    ):
        path = folder / name
        path.mkdir(parents=True)
        (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        weights = {k: v.contiguous() for k, v in net.state_dict().items()}
        blocks = {k.removesuffix("q_proj.weight") for k in weights if k.endswith("q_proj.weight")}
        weights |= {f"{block}rotary.inv_freq": torch.ones(1) for block in blocks}
        if name == "tokenizer":
            weights["tokenizer.bsq.basis"] = torch.arange(6)
            weights["tokenizer.bsq.group_basis"] = torch.arange(3)
        save_file(weights, path / "model.safetensors")
    return folder / "decoder", folder / "tokenizer"
