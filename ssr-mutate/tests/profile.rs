//! Which operators each profile enables.
#![cfg(feature = "python")]

use std::collections::BTreeSet;

use ssr_core::RepoPath;
use ssr_mutate::{Caps, Error, Mutator, MutatorBuilder, Profile, languages, operators};

const SOURCE: &str = "def f(a, b):\n    if a < 1 and a == b:\n        a = -b\n    return a\n";

fn found(builder: MutatorBuilder) -> BTreeSet<&'static str> {
    let caps = Caps::default().with_per_line(usize::MAX).with_per_function(usize::MAX);
    let mutator = builder.caps(caps).build();
    let sites = mutator.sites_in(&RepoPath::new("a.py").unwrap(), SOURCE);
    sites.iter().map(|site| site.operator().id).collect()
}

#[test]
fn the_classic_profile_is_frozen() {
    let numbers: Vec<_> = Profile::CLASSIC_42.iter().map(|(number, _)| *number).collect();
    let frozen = [
        1, 3, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 28, 29, 32, 34, 35, 36, 39,
        40, 42, 44, 45, 46, 48, 50, 53, 55, 56, 60, 63, 65, 66, 67, 69, 70, 73,
    ];
    assert_eq!(numbers, frozen);
    let ids: BTreeSet<_> = Profile::CLASSIC_42.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), 42);
}

/// The 78 ids of the catalogue, in its order.
const CATALOGUE: [&str; 78] = [
    "AOR", "AOD", "OSW", "BWR", "UOD", "ASR", "AUA", "RBR", "ROR", "MNR", "IEQ", "LCR", "CDL",
    "NOD", "CNI", "CRP", "IDX", "SLB", "RNG", "BLR", "STR", "IFD", "GRD", "IFS", "ELD", "BCS",
    "ZIL", "OIL", "RTV", "TER", "SSW", "EXW", "EXN", "EXS", "TRU", "RSD", "FND", "RLK", "VMI",
    "AAU", "AAD", "WFN", "WCR", "ARS", "ARD", "FWD", "ELR", "ASD", "ASN", "TCD", "TCS", "ISN",
    "TVF", "NCK", "MDA", "CPD", "SCD", "SFD", "CLV", "SCL", "IOD", "BCR", "DDL", "SUP", "AWD",
    "ASY", "LKD", "LKN", "LKO", "LKR", "CVN", "JND", "CFD", "GDI", "FNS", "MSW", "CIV", "CKD",
];

#[test]
fn python_has_every_operator_of_the_catalogue_and_with_it_of_the_classic_profile() {
    let python = languages().iter().find(|language| language.name() == "python").unwrap();
    let ids: Vec<_> = python.operators().iter().map(|operator| operator.id).collect();
    let there: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(there, CATALOGUE.into());
    assert_eq!(ids.len(), 78);
    for (number, id) in Profile::CLASSIC_42 {
        assert_eq!(CATALOGUE[usize::from(number) - 1], id);
    }
}

#[test]
fn a_new_mutator_is_classic_and_the_others_are_asked_for() {
    let classic = found(Mutator::builder());
    assert!(classic.contains("RBR") && !classic.contains("UOD") && !classic.contains("IEQ"));
    let all = found(Mutator::builder().profile(Profile::All).unwrap());
    assert!(all.is_superset(&classic) && all.contains("UOD") && all.contains("IEQ"));
    let custom = Profile::Custom(vec!["IEQ".into(), "LCR".into()]);
    let custom = found(Mutator::builder().profile(custom).unwrap());
    assert_eq!(custom, ["IEQ", "LCR"].into());
}

#[test]
fn the_operator_that_is_often_equivalent_is_in_no_default() {
    assert!(operators().any(|operator| operator.id == "IEQ"));
    assert!(!Profile::default().contains("IEQ"));
}

#[test]
fn a_custom_profile_names_operators_that_exist() {
    let profile = Profile::Custom(vec!["RBR".into(), "rbr".into()]);
    let error = Mutator::builder().profile(profile).unwrap_err();
    assert!(matches!(error, Error::UnknownOperator { id, .. } if id == "rbr"));
}

#[test]
fn profiles_are_read_from_settings_and_command_lines() {
    let custom = Profile::Custom(vec!["AOR".into(), "RBR".into()]);
    for (profile, json, text) in [
        (Profile::Classic42, "\"classic42\"", "classic42"),
        (Profile::All, "\"all\"", "all"),
        (custom, "{\"custom\":[\"AOR\",\"RBR\"]}", "AOR,RBR"),
    ] {
        assert_eq!(serde_json::to_string(&profile).unwrap(), json);
        assert_eq!(serde_json::from_str::<Profile>(json).unwrap(), profile);
        assert_eq!(profile.to_string(), text);
        assert_eq!(text.parse(), Ok(profile));
    }
}
