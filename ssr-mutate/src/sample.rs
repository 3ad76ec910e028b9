//! Draws sites by the frequency of real bug fixes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use ssr_core::Seed;

use crate::{Coverage, Family, Location, Site, SiteId};

/// Draws `n` sites without replacement, or all of them when there are fewer: [`Sampler::draw`] with
/// the default settings.
#[must_use]
pub fn sample(sites: &[Site], n: usize, seed: Seed) -> Vec<Site> {
    Sampler::new(seed).draw(sites, n)
}

/// Draws sites with the distribution of real bugs.
///
/// Each draw picks a family with probability proportional to its [weight](Family::weight), among
/// the families that still have sites. It then picks an operator of that family by
/// [its weight](crate::Operator::weight), and a site of that operator uniformly. Drawing uniformly
/// from all sites would give mostly arithmetic and constants, because they have the most sites.
///
/// The result depends on the set of sites and on the seed alone, not on the order of the sites or
/// on the number of threads. No two drawn sites give the same tree.
///
/// ```
/// use ssr_core::{RepoPath, Seed};
/// use ssr_mutate::{Coverage, Sampler, sites};
///
/// let path = RepoPath::new("a.py")?;
/// let all = sites(&path, "def f(a, b):\n    return a < b\n\ndef g(a, b):\n    return a < b\n");
/// let coverage = Coverage::parse("a.py: 1-2, 4")?;
/// let sampler = Sampler::new(Seed::new(7)).covered_by(&coverage);
/// let first = sampler.draw(&all, 1);
/// let second = sampler.without_ids([first[0].id()]).draw(&all, 1);
/// assert!(first[0].line() <= 2 && second[0].line() <= 2 && first != second);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Sampler<'a> {
    seed: Seed,
    coverage: Option<&'a Coverage>,
    ids: BTreeSet<SiteId>,
    locations: BTreeSet<Location>,
    share: Option<(u64, u64)>,
    spread: bool,
}

impl<'a> Sampler<'a> {
    /// A sampler that may draw every site.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            coverage: None,
            ids: BTreeSet::new(),
            locations: BTreeSet::new(),
            share: None,
            spread: false,
        }
    }

    /// Draws only sites on lines that some test executes.
    pub fn covered_by(mut self, coverage: &'a Coverage) -> Self {
        self.coverage = Some(coverage);
        self
    }

    /// Excludes these sites, such as those of an earlier call with another seed.
    pub fn without_ids(mut self, ids: impl IntoIterator<Item = SiteId>) -> Self {
        self.ids.extend(ids);
        self
    }

    /// Excludes the sites in these places.
    pub fn without_locations(mut self, places: impl IntoIterator<Item = Location>) -> Self {
        self.locations.extend(places);
        self
    }

    /// Draws only from the share `index` of `count` disjoint shares of the functions. A `count` of
    /// 0 counts as 1.
    ///
    /// The shares do not depend on the seed. Workers with different shares therefore never draw the
    /// same bug, without communication.
    pub fn share(mut self, index: u64, count: u64) -> Self {
        self.share = (count > 1).then_some((index % count.max(1), count));
        self
    }

    /// Draws from each function once before it draws from any function a second time.
    pub fn spread(mut self) -> Self {
        self.spread = true;
        self
    }

    /// Draws `n` sites without replacement, or all of them when there are fewer.
    #[must_use]
    pub fn draw(&self, sites: &[Site], n: usize) -> Vec<Site> {
        self.order(sites).take(n).cloned().collect()
    }

    /// The admitted sites in the order of drawing, without those that give the same tree as an
    /// earlier one.
    pub(crate) fn order<'s>(&self, sites: &'s [Site]) -> impl Iterator<Item = &'s Site> {
        let mut left = Drawing::new(sites.iter().filter(|site| self.admits(site)), self.seed);
        let spread = self.spread.then(|| in_rounds(left.by_ref().collect()));
        let mut seen = HashSet::new();
        let drawn = spread.into_iter().flatten().chain(left);
        drawn.filter(move |site| site.result().is_some_and(|result| seen.insert(result)))
    }

    /// Whether the settings allow the site.
    ///
    /// Coverage is applied here, before the draw, and not to the drawn sites: the families then
    /// compete by the sites that tests can notice, and `n` draws give `n` usable sites.
    fn admits(&self, site: &Site) -> bool {
        self.coverage.is_none_or(|coverage| coverage.covers(site.path(), site.line()))
            && !self.ids.contains(&site.id())
            && (self.locations.is_empty()
                || !site.locations().any(|place| self.locations.contains(&place)))
            && self.share.is_none_or(|(index, count)| share_of(site, count) == index)
    }
}

/// Which of `count` shares the function of a site belongs to. The sampler's seed is not used,
/// because all workers have to agree on the shares.
fn share_of(site: &Site, count: u64) -> u64 {
    let file = Seed::new(0).derive("ssr-mutate share").derive(site.path().as_str());
    file.derive(site.function().unwrap_or("")).value() % count
}

/// Sorts by how many sites of the same function come before, and keeps the order of drawing among
/// equals.
fn in_rounds(drawn: Vec<&Site>) -> Vec<&Site> {
    let mut rounds: HashMap<_, usize> = HashMap::new();
    let mut keyed: Vec<_> = drawn
        .into_iter()
        .map(|site| {
            let round = rounds.entry((site.path(), site.function())).or_default();
            *round += 1;
            (*round, site)
        })
        .collect();
    keyed.sort_by_key(|(round, _)| *round);
    keyed.into_iter().map(|(_, site)| site).collect()
}

type Operators<'s> = BTreeMap<&'static str, VecDeque<&'s Site>>;

/// Draws all sites one after the other: the weighted choice of family, operator and site.
struct Drawing<'s> {
    seed: Seed,
    left: BTreeMap<Family, Operators<'s>>,
    drawn: u64,
}

impl<'s> Drawing<'s> {
    fn new(sites: impl Iterator<Item = &'s Site>, seed: Seed) -> Self {
        let seed = seed.derive("ssr-mutate sample");
        // Each operator's queue is ordered by a hash of seed and site id. This is a uniform shuffle
        // that does not depend on the order of the sites, so that removing one site from the input
        // does not reorder the others.
        let shuffle = seed.derive("site");
        let key = |site: &'s Site| {
            let id = site.id();
            let (high, low) = ((id.value() >> 64) as u64, id.value() as u64);
            (shuffle.index(high).index(low).value(), id, site)
        };
        let mut keyed: Vec<_> = sites.map(key).collect();
        keyed.sort_by_key(|(key, id, _)| (*key, *id));
        let mut left: BTreeMap<Family, Operators<'s>> = BTreeMap::new();
        for (_, _, site) in keyed {
            let operators = left.entry(site.operator().family).or_default();
            operators.entry(site.operator().id).or_default().push_back(site);
        }
        Self { seed, left, drawn: 0 }
    }
}

impl<'s> Iterator for Drawing<'s> {
    type Item = &'s Site;

    fn next(&mut self) -> Option<&'s Site> {
        let draw = self.seed.derive("draw").index(self.drawn);
        self.drawn += 1;
        let families = self.left.keys().map(|family| (*family, family.weight()));
        let family = pick(families, draw.derive("family"))?;
        let operators = self.left.get_mut(&family)?;
        let weighed = operators
            .iter()
            .filter_map(|(id, sites)| sites.front().map(|site| (*id, site.operator().weight())));
        let id = pick(weighed, draw.derive("operator"))?;
        let queue = operators.get_mut(id)?;
        let site = queue.pop_front();
        if queue.is_empty() {
            operators.remove(id);
        }
        if operators.is_empty() {
            self.left.remove(&family);
        }
        site
    }
}

/// One of the items, with probability proportional to its weight.
fn pick<T>(weighed: impl Iterator<Item = (T, u32)> + Clone, seed: Seed) -> Option<T> {
    let total: u32 = weighed.clone().map(|(_, weight)| weight).sum();
    let mut ticket = seed.below(total as usize) as u32;
    weighed.into_iter().find_map(|(item, weight)| {
        let found = ticket < weight;
        ticket = ticket.saturating_sub(weight);
        found.then_some(item)
    })
}
