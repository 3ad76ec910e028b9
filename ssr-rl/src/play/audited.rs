//! Judgements that are believed only when they were earned.

use ssr_core::{
    Audit, BugInstance, Dose, Judgement, Poison, Sandbox, Seed, Suites, Tree, audit, audit_bug,
    broken_rules,
};

use crate::{Error, Result};

/// Audits what claims to be solved, and what claims to be a bug.
#[derive(Clone, Copy)]
pub(super) struct Auditor<'a> {
    /// What makes the tests fail; without it only the static rules hold.
    pub(super) poison: Option<&'a dyn Poison>,
    /// Whether anything is audited.
    pub(super) on: bool,
    /// The repository before any bug.
    pub(super) original: &'a Tree,
    /// The seed of the run.
    pub(super) seed: Seed,
}

impl Auditor<'_> {
    /// The judgement of `repaired`, if it was earned; otherwise that it forged. Who forges leaves
    /// nothing that is worth to go on from.
    ///
    /// Fails when the audit shows nothing: a repair of which nobody can say whether it holds is
    /// neither rewarded nor punished.
    pub(super) fn repair<S: Sandbox>(
        &self,
        suites: &Suites<S>,
        bug: &BugInstance,
        repaired: &Tree,
        mut judgement: Judgement,
    ) -> Result<Judgement> {
        let Some(tree) = judgement.tree.as_ref().filter(|_| self.on && judgement.solved) else {
            return Ok(judgement);
        };
        let evidence = match broken_rules(bug, self.original, repaired).first() {
            Some(breach) => Some(breach.to_string()),
            None => self.evidence(suites, bug, tree)?,
        };
        if let Some(evidence) = evidence {
            judgement.solved = false;
            judgement.runs = false;
            judgement.reason = format!("{}; forged: {evidence}", judgement.reason);
        }
        Ok(judgement)
    }

    fn evidence<S: Sandbox>(
        &self,
        suites: &Suites<S>,
        bug: &BugInstance,
        tree: &Tree,
    ) -> Result<Option<String>> {
        let Some(poison) = self.poison else { return Ok(None) };
        let seed = self.seed_of(bug).derive(&tree.hash().to_string());
        match audit(suites, bug, self.original, tree, poison, seed)? {
            Audit::Forged { evidence, .. } => Ok(Some(evidence)),
            Audit::Unaudited { reason, .. } => Err(Error::Unaudited { reason }),
            _ => Ok(None),
        }
    }

    /// Why a bug that passed its checks is none: it is not the code that it breaks, or nobody could
    /// tell whether it was repaired.
    pub(super) fn bug<S: Sandbox>(
        &self,
        suites: &Suites<S>,
        bug: &BugInstance,
    ) -> Result<Option<String>> {
        let Some(poison) = self.poison.filter(|_| self.on) else { return Ok(None) };
        let seed = self.seed_of(bug);
        let none = std::collections::BTreeSet::new();
        if poison.poison(&bug.oracle, &bug.f2p, &none, Dose::Turn(0), seed).is_none() {
            let why = "none of the tests that it breaks can be poisoned, to audit its repairs";
            return Ok(Some(why.to_owned()));
        }
        let found = audit_bug(suites, bug, self.original, poison, seed)?;
        Ok(found.forgery().map(str::to_owned))
    }

    fn seed_of(&self, bug: &BugInstance) -> Seed {
        self.seed.derive("audit").derive(&bug.id())
    }
}
