//! Visits the directories of a tree on several threads.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{FileType, RawDir};

use crate::open::{as_path, open_directory};
use crate::tree::{Entry, Kind};

/// Names of one directory that a thread takes at once, so that a flat directory keeps all threads busy.
const PART: usize = 256;

/// An open directory and what the visitor of its parent said about it.
pub struct Directory<S> {
    /// Relative to the root of the walk.
    pub path: Vec<u8>,
    pub fd: OwnedFd,
    pub state: S,
}

pub struct Name {
    pub bytes: Vec<u8>,
    /// As the directory tells it: may be unknown.
    pub kind: FileType,
}

/// Child directories that a visitor wants visited.
pub type Children<S> = Vec<(Vec<u8>, S)>;

/// Calls `visit` with the names of the directory `top`, sorted and a part at a time, then of every directory that `visit` asks for;
/// in any order, on several threads. Each thread folds into an `R` of its own; all of them come back.
/// `code` is for directories that cannot be opened or read.
pub fn walk<S, R>(
    root: BorrowedFd<'_>,
    top: (Vec<u8>, S),
    code: &'static str,
    cancel: &Cancel,
    visit: impl Fn(&Directory<S>, &[Name], &mut R, &mut Children<S>) -> Result<()> + Sync,
) -> Result<Vec<R>>
where
    S: Send + Sync,
    R: Send + Default,
{
    let queue = Queue::new(Task::Open(top.0, top.1));
    let work = || -> Result<R> {
        let mut folded = R::default();
        while let Some(task) = queue.take() {
            let done = cancel.check().and_then(|()| run(root, task, code, &queue, &visit, &mut folded));
            queue.finish(done.is_err());
            done?;
        }
        Ok(folded)
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..thread_count()).map(|_| scope.spawn(work)).collect();
        let mut all = vec![work()];
        all.extend(others.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))));
        // Threads that stopped because another failed are no errors, so the first error is the one that happened.
        all.into_iter().collect()
    })
}

/// Threads for work on files: enough to keep the disk's queue and the kernel's directory locks busy.
pub fn thread_count() -> usize {
    thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8))
}

pub(crate) fn panicked() -> Error {
    Error::new("TSB_BUG", Fault::Bug, "a native thread panicked")
}

fn run<S, R>(
    root: BorrowedFd<'_>,
    task: Task<S>,
    code: &'static str,
    queue: &Queue<S>,
    visit: &impl Fn(&Directory<S>, &[Name], &mut R, &mut Children<S>) -> Result<()>,
    folded: &mut R,
) -> Result<()> {
    let (directory, names) = match task {
        Task::Part(directory, names) => (directory, names),
        Task::Open(path, state) => {
            let failed = |e: &std::io::Error| Error::io(code, "cannot read directory", as_path(&path), e);
            let fd = open_directory(root, &path).map_err(|e| failed(&e))?;
            let mut names = read_names(&fd).map_err(|e| failed(&e))?;
            names.sort_unstable_by(|a, b| a.bytes.cmp(&b.bytes));
            let directory = Arc::new(Directory { path, fd, state });
            while names.len() > PART {
                let part = names.split_off(names.len() - PART);
                queue.add(Task::Part(Arc::clone(&directory), part));
            }
            (directory, names)
        }
    };
    let mut children = Vec::new();
    visit(&directory, &names, folded, &mut children)?;
    children.into_iter().for_each(|(path, state)| queue.add(Task::Open(path, state)));
    Ok(())
}

/// The names in an open directory, without `.` and `..`, in no order.
pub fn read_names(directory: impl AsFd) -> std::io::Result<Vec<Name>> {
    let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
    let mut entries = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let bytes = entry.file_name().to_bytes();
        if bytes != b"." && bytes != b".." {
            names.push(Name { bytes: bytes.to_vec(), kind: entry.file_type() });
        }
    }
    Ok(names)
}

/// Puts what the parts of directories hold, each in the order of names, into tree order. `ended` is called where a directory's subtree ends.
pub fn in_order<T>(
    parts: impl Iterator<Item = (Vec<u8>, Vec<T>)>,
    entry_of: fn(&T) -> &Entry,
    ended: fn(&mut Vec<T>),
) -> Vec<T> {
    let mut directories: HashMap<Vec<u8>, Vec<Vec<T>>> = HashMap::new();
    let mut count = 0;
    for (path, items) in parts.filter(|(_, items)| !items.is_empty()) {
        count += items.len();
        directories.entry(path).or_default().push(items);
    }
    let mut ordered = Vec::with_capacity(count);
    let mut take = |path: &[u8]| {
        let mut parts = directories.remove(path).unwrap_or_default();
        // Within one directory plain order is tree order.
        parts.sort_unstable_by(|a, b| entry_of(&a[0]).path.cmp(&entry_of(&b[0]).path));
        parts.into_iter().flatten()
    };
    let mut open = vec![take(b"")];
    while let Some(items) = open.last_mut() {
        let Some(item) = items.next() else {
            open.pop();
            ended(&mut ordered);
            continue;
        };
        let entry = entry_of(&item);
        if entry.kind == Kind::Directory {
            open.push(take(&entry.path));
        }
        ordered.push(item);
    }
    ordered
}

enum Task<S> {
    Open(Vec<u8>, S),
    Part(Arc<Directory<S>>, Vec<Name>),
}

/// Last in, first out: depth first, so that few directories wait at a time.
struct Queue<S> {
    state: Mutex<QueueState<S>>,
    changed: Condvar,
}

struct QueueState<S> {
    tasks: Vec<Task<S>>,
    running: usize,
    stopped: bool,
}

impl<S> Queue<S> {
    fn new(first: Task<S>) -> Self {
        Self {
            state: Mutex::new(QueueState { tasks: vec![first], running: 0, stopped: false }),
            changed: Condvar::new(),
        }
    }

    fn add(&self, task: Task<S>) {
        self.lock().tasks.push(task);
        self.changed.notify_one();
    }

    /// The next task; `None` when there is none left and nobody who could add one.
    fn take(&self) -> Option<Task<S>> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(task) = state.tasks.pop() {
                state.running += 1;
                return Some(task);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, failed: bool) {
        let mut state = self.lock();
        state.running -= 1;
        state.stopped |= failed;
        if state.stopped || (state.running == 0 && state.tasks.is_empty()) {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
