//! The open sessions: which there are of each key, how far they reach, and which of them end next. Knows where a
//! session's runs are, and nothing of what is in them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::run_chunk::RunRef;

/// One open session.
#[derive(Debug)]
pub(super) struct Session {
    key: Arc<[u8]>,
    /// The event time of its first row.
    pub(super) first: i64,
    /// The event time of its last row.
    pub(super) last: i64,
    /// Its runs.
    pub(super) runs: Vec<RunRef>,
}

/// All open sessions, each in a numbered slot.
#[derive(Debug)]
pub(super) struct Sessions {
    gap: i64,
    slots: Vec<Option<Session>>,
    free: Vec<usize>,
    by_key: HashMap<Arc<[u8]>, Vec<usize>>,
    /// Last event time and slot.
    by_last: BTreeSet<(i64, usize)>,
}

impl Sessions {
    /// No sessions; rows at least `gap` apart are of different ones.
    pub(super) fn new(gap: i64) -> Self {
        Sessions { gap, slots: Vec::new(), free: Vec::new(), by_key: HashMap::new(), by_last: BTreeSet::new() }
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.by_last.len()
    }

    /// The sessions of `key` that a run from `first` to `last` touches.
    pub(super) fn touching(&self, key: &[u8], first: i64, last: i64) -> Vec<usize> {
        let near = |slot: &usize| {
            self.get(*slot).is_some_and(|session| {
                first.saturating_sub(session.last) < self.gap && session.first.saturating_sub(last) < self.gap
            })
        };
        self.by_key.get(key).map_or_else(Vec::new, |slots| slots.iter().copied().filter(near).collect())
    }

    /// Opens a session without runs.
    pub(super) fn open(&mut self, key: &[u8], first: i64, last: i64) -> usize {
        let key = self.by_key.get_key_value(key).map_or_else(|| Arc::from(key), |(key, _)| key.clone());
        let session = Session { key: key.clone(), first, last, runs: Vec::new() };
        let slot = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(free) => *free = Some(session),
            None => self.slots.push(Some(session)),
        }
        self.by_key.entry(key).or_default().push(slot);
        self.by_last.insert((last, slot));
        slot
    }

    /// Adds a run to a session, which grows to hold it.
    pub(super) fn extend(&mut self, slot: usize, run: RunRef, first: i64, last: i64) {
        let Some(session) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        session.runs.push(run);
        session.first = session.first.min(first);
        if last > session.last {
            self.by_last.remove(&(session.last, slot));
            session.last = last;
            self.by_last.insert((last, slot));
        }
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, slot: usize) -> Option<Session> {
        let session = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        self.by_last.remove(&(session.last, slot));
        if let Some(slots) = self.by_key.get_mut(&session.key) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.by_key.remove(&session.key);
            }
        }
        Some(session)
    }

    /// Takes out the session that ends first, if it ends at `until` or before.
    pub(super) fn pop_ended(&mut self, until: i64) -> Option<Session> {
        let (last, slot) = self.by_last.first().copied()?;
        if self.end(last) > until { None } else { self.remove(slot) }
    }

    /// The end of a session whose last row is at `last`.
    pub(super) fn end(&self, last: i64) -> i64 {
        last.saturating_add(self.gap)
    }

    /// The session in a slot.
    pub(super) fn get(&self, slot: usize) -> Option<&Session> {
        self.slots.get(slot)?.as_ref()
    }

    /// The session in a slot.
    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Session> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Bytes in memory, about.
    pub(super) fn size(&self) -> usize {
        self.count() * (2 * size_of::<Session>() + 64)
    }
}
