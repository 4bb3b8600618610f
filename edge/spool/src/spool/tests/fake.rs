//! A file system in memory that does what POSIX promises and no more: a power cut loses, tears or keeps what was not
//! synced, names and bytes each for themselves. It also runs full, and fails when told to.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::files::{File, Files, Listed, Lock};

/// A handle on the file system; clones see the same.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
    contents: Vec<Content>,
    is_locked: bool,
    capacity: Option<u64>,
    fault: Option<Fault>,
    /// Makes each half-done write stop at another byte.
    strikes: usize,
}

#[derive(Clone)]
enum NameChange {
    Made(PathBuf, usize),
    Removed(PathBuf),
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// A sync failed: later ones say that all is well and do nothing.
    is_lying: bool,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// Lets an operation fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// Operations that still go well.
    pub(crate) after: u32,
    pub(crate) kind: io::ErrorKind,
    /// All operations fail from then on, not only one.
    pub(crate) is_lasting: bool,
}

/// How a power cut treats each change that was not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    LoseAll,
    KeepAll,
    /// By dice of this seed: keeps, loses or tears.
    Dice(u64),
}

impl Fake {
    pub(crate) fn boxed(&self) -> Box<dyn Files> {
        Box::new(self.clone())
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) -> Option<Fault> {
        std::mem::replace(&mut self.state().fault, fault)
    }

    /// Bytes that all files together may have.
    pub(crate) fn set_capacity(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    pub(crate) fn power_cut(&self, cut: Cut) {
        let seed = match cut {
            Cut::Dice(seed) => seed,
            Cut::LoseAll | Cut::KeepAll => 0,
        };
        let mut dice = Dice(seed | 1);
        let mut keeps = move || match cut {
            Cut::LoseAll => 0,
            Cut::KeepAll => 1,
            Cut::Dice(_) => dice.roll(4),
        };
        let mut tear = Dice(seed.rotate_left(32) | 1);
        let mut state = self.state();
        let mut names = state.durable_names.clone();
        for change in std::mem::take(&mut state.unsynced_names) {
            if keeps() % 2 == 1 {
                change.apply(&mut names);
            }
        }
        for content in &mut state.contents {
            let mut bytes = std::mem::take(&mut content.durable);
            for change in std::mem::take(&mut content.unsynced) {
                match keeps() {
                    0 => {}
                    1 => change.apply(&mut bytes),
                    kind => change.torn(kind == 2, &mut tear).apply(&mut bytes),
                }
            }
            *content = Content { bytes: bytes.clone(), durable: bytes, ..Content::default() };
        }
        (state.durable_names, state.names) = (names.clone(), names);
        state.is_locked = false;
    }

    /// What is in a file now.
    pub(crate) fn bytes_of(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.contents[state.names[path]].bytes.clone()
    }

    /// Puts a file there, durably.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let content = Content { bytes: bytes.to_vec(), durable: bytes.to_vec(), ..Content::default() };
        state.contents.push(content);
        let index = state.contents.len() - 1;
        state.names.insert(path.to_owned(), index);
        state.durable_names.insert(path.to_owned(), index);
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let names = self.state().names.keys().cloned().collect::<Vec<_>>();
        names.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "seg")).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Files for Fake {
    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        self.state().strike()
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>> {
        let mut state = self.state();
        state.strike()?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(directory));
        // In an order that nobody may count on.
        Ok(inside.rev().map(|path| Listed { path: path.clone(), is_file: true }).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.strike()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.room(1)?;
        state.contents.push(Content::default());
        let index = state.contents.len() - 1;
        state.change_name(NameChange::Made(path.to_owned(), index));
        Ok(Box::new(Opened { fake: self.clone(), index }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.strike()?;
        let index = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Opened { fake: self.clone(), index }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.strike()?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_name(NameChange::Removed(path.to_owned()));
        Ok(())
    }

    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.strike()?;
        state.durable_names = state.names.clone();
        state.unsynced_names.clear();
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut state = self.state();
        state.strike()?;
        let is_free = !std::mem::replace(&mut state.is_locked, true);
        Ok(if is_free { Some(Box::new(Held(self.clone()))) } else { None })
    }
}

struct Held(Fake);

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.state().is_locked = false;
    }
}

struct Opened {
    fake: Fake,
    index: usize,
}

impl File for Opened {
    fn length(&self) -> io::Result<u64> {
        let mut state = self.fake.state();
        state.strike()?;
        Ok(state.contents[self.index].bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.fake.state();
        state.strike()?;
        let bytes = state.contents[self.index].bytes.get(offset as usize..offset as usize + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.fake.state();
        let grows = (offset as usize + bytes.len()).saturating_sub(state.contents[self.index].bytes.len());
        let allowed = state.strike().and_then(|()| state.room(grows as u64));
        let part = if allowed.is_ok() { bytes.len() } else { state.strikes * 7 % (bytes.len() + 1) };
        let change = Change::Write { offset: offset as usize, bytes: bytes[..part].to_vec() };
        state.contents[self.index].change(change);
        allowed
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut state = self.fake.state();
        state.strike()?;
        state.contents[self.index].change(Change::Length(length as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.fake.state();
        let allowed = state.strike();
        let content = &mut state.contents[self.index];
        content.is_lying |= allowed.is_err();
        if !content.is_lying {
            content.durable = content.bytes.clone();
            content.unsynced.clear();
        }
        allowed
    }
}

impl State {
    /// An operation: fails when it is time for that.
    fn strike(&mut self) -> io::Result<()> {
        self.strikes += 1;
        match &mut self.fault {
            None => Ok(()),
            Some(fault) if fault.after > 0 => {
                fault.after -= 1;
                Ok(())
            }
            Some(fault) => {
                let kind = fault.kind;
                self.fault = self.fault.filter(|fault| fault.is_lasting);
                Err(kind.into())
            }
        }
    }

    /// Whether so many bytes more may be taken.
    fn room(&self, more: u64) -> io::Result<()> {
        let used: usize = self.names.values().map(|&index| self.contents[index].bytes.len()).sum();
        let is_full = more > 0 && self.capacity.is_some_and(|capacity| used as u64 + more > capacity);
        if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn change_name(&mut self, change: NameChange) {
        change.clone().apply(&mut self.names);
        self.unsynced_names.push(change);
    }
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Made(path, index) => names.insert(path, index),
            Self::Removed(path) => names.remove(&path),
        };
    }
}

impl Content {
    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.bytes);
        self.unsynced.push(change);
    }
}

impl Change {
    fn apply(self, file: &mut Vec<u8>) {
        match self {
            Self::Length(length) => file.resize(length, 0),
            Self::Write { offset, bytes } => {
                file.resize(file.len().max(offset + bytes.len()), 0);
                file[offset..offset + bytes.len()].copy_from_slice(&bytes);
            }
        }
    }

    /// The part of it that a power cut left: a beginning, or its place with nothing in it from some byte on.
    fn torn(self, is_cut: bool, dice: &mut Dice) -> Self {
        match self {
            Self::Length(length) => Self::Length(length),
            Self::Write { offset, mut bytes } => {
                let at = dice.roll(bytes.len() as u64 + 1) as usize;
                if is_cut {
                    bytes.truncate(at);
                } else {
                    bytes[at..].fill(0);
                }
                Self::Write { offset, bytes }
            }
        }
    }
}

/// Xorshift: dice that fall the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}
