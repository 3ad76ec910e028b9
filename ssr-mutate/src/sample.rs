use std::collections::{BTreeMap, VecDeque};

use ssr_core::Seed;

use crate::{Family, Site};

/// Draws `n` sites without replacement, or all of them when there are fewer.
///
/// Each draw picks a family with probability proportional to its [weight](Family::weight) among
/// the families that still have sites, then an operator of that family evenly, then a site of that
/// operator evenly. Sampling in proportion to the sites instead would give mostly arithmetic and
/// constants, which real bugs are not.
///
/// The result depends on the set of sites and on the seed alone, not on the order of the sites or
/// on the number of threads that found them.
pub fn sample(sites: &[Site], n: usize, seed: Seed) -> Vec<Site> {
    in_drawing_order(sites, seed).into_iter().take(n).cloned().collect()
}

type Operators<'a> = BTreeMap<&'static str, VecDeque<&'a Site>>;

/// All sites in the order in which [`sample`] draws them.
pub(crate) fn in_drawing_order(sites: &[Site], seed: Seed) -> Vec<&Site> {
    let seed = seed.derive("ssr-mutate sample");
    let mut left = shuffled_by_operator(sites, seed);
    let mut drawn = Vec::with_capacity(sites.len());
    while !left.is_empty() {
        let draw = seed.derive("draw").index(drawn.len() as u64);
        let Some(family) = pick_family(&left, draw) else { break };
        let Some(operators) = left.get_mut(&family) else { break };
        let Some(id) =
            operators.keys().nth(draw.derive("operator").below(operators.len())).copied()
        else {
            break;
        };
        if let Some(queue) = operators.get_mut(id) {
            drawn.extend(queue.pop_front());
            if queue.is_empty() {
                operators.remove(id);
            }
        }
        if operators.is_empty() {
            left.remove(&family);
        }
    }
    drawn
}

fn shuffled_by_operator(sites: &[Site], seed: Seed) -> BTreeMap<Family, Operators<'_>> {
    let shuffle = seed.derive("site");
    let mut keyed: Vec<_> = sites
        .iter()
        .map(|site| {
            let id = site.id().value();
            (shuffle.index((id >> 64) as u64).index(id as u64).value(), site)
        })
        .collect();
    keyed.sort_by_key(|(key, site)| (*key, site.id()));
    let mut families: BTreeMap<Family, Operators<'_>> = BTreeMap::new();
    for (_, site) in keyed {
        let operators = families.entry(site.operator().family).or_default();
        operators.entry(site.operator().id).or_default().push_back(site);
    }
    families
}

fn pick_family(left: &BTreeMap<Family, Operators<'_>>, draw: Seed) -> Option<Family> {
    let total: u32 = left.keys().map(|family| family.weight()).sum();
    let mut ticket = draw.derive("family").below(total as usize) as u32;
    left.keys().copied().find(|family| {
        let found = ticket < family.weight();
        ticket = ticket.saturating_sub(family.weight());
        found
    })
}
