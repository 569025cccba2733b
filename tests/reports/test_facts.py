from qushi.reports.facts import classifier_facts, provenance

HASH = "0123456789abcdef" * 4


def by_label(facts):
    return {fact.label.en: fact for fact in facts}


def test_known_keys_are_named_in_both_languages_and_stand_in_order():
    found = classifier_facts({"seed": "0", "accuracy": "0.716", "majority": "0.530", "name": "mine"})
    assert found[0].label.en == "Model"
    assert [fact.value.en for fact in found] == ["mine", "71.6\u00a0%", "53.0\u00a0%", "0"]
    assert all(fact.label.zh != fact.label.en for fact in found)


def test_unknown_key_is_kept_under_its_own_name_at_the_end():
    found = classifier_facts({"half_life": "3", "seed": "0"})
    assert [fact.label.en for fact in found] == ["Seed", "half life"]


def test_long_hash_is_cut_and_kept_whole_beside():
    fact = classifier_facts({"data_hash": HASH})[0]
    assert fact.value.en == f"{HASH[:12]}…"
    assert fact.whole == HASH


def test_words_of_the_machine_are_said_in_both_languages():
    facts = by_label(classifier_facts({"knowledge_cutoff": "unknown", "dated": "False"}))
    assert facts["Has seen texts up to"].value.zh == "未知"
    assert facts["Training texts are dated"].value.en == "no"


def test_value_already_in_words_stays_as_it_is():
    assert classifier_facts({"accuracy": "0.71 (majority 0.52)"})[0].value.en == "0.71 (majority 0.52)"


def test_provenance_stands_data_first_and_versions_last():
    found = provenance(
        {"qushi": "0.1.0", "pandas": "2.3", "hash of bars": "ab12", "source of bars": "Csv"}
    )
    assert [fact.value.en for fact in found] == ["Csv", "ab12", "0.1.0", "2.3"]
    assert found[0].label.zh == "行情来源"
