use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Work that many threads do side by side and whose results come out in the order it was handed in:
/// `Submitter` hands in, any number of threads sit in `Jobs::run`, `Results` gives out. At most `depth` pieces are
/// under way between the two ends, which bounds the memory.
pub fn ordered<T, R>(depth: usize) -> (Submitter<T, R>, Jobs<T, R>, Results<R>) {
    let (jobs, queue) = channel();
    let (order, results) = sync_channel(depth);
    (Submitter { jobs, order }, Jobs(Mutex::new(queue)), Results(results))
}

/// The other end is gone: what went wrong there says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// Where work is handed in. The threads end when it is dropped.
pub struct Submitter<T, R> {
    /// Without a bound of its own: a full queue of dead threads would hold the submitter for ever.
    jobs: Sender<(T, SyncSender<R>)>,
    order: SyncSender<Receiver<R>>,
}

impl<T, R> Submitter<T, R> {
    /// Waits until there is room. `Err` when nobody takes results any more.
    pub fn send(&self, work: T) -> Result<(), Stopped> {
        let (reply, result) = sync_channel(1);
        self.order.send(result).map_err(|_| Stopped)?;
        self.jobs.send((work, reply)).map_err(|_| Stopped)
    }
}

/// Where threads take work from.
pub struct Jobs<T, R>(Mutex<Receiver<(T, SyncSender<R>)>>);

impl<T, R> Jobs<T, R> {
    /// Does work until there will be no more.
    pub fn run(&self, mut work: impl FnMut(T) -> R) {
        loop {
            let next = match self.0.lock() {
                Ok(queue) => queue.recv(),
                Err(_) => return,
            };
            let Ok((piece, reply)) = next else { return };
            // Whoever takes no results any more has failed or stopped, and says so elsewhere.
            let _ = reply.send(work(piece));
        }
    }
}

/// The results, in order; an `Err` is a piece whose thread died.
pub struct Results<R>(Receiver<Receiver<R>>);

impl<R> Iterator for Results<R> {
    type Item = Result<R, Stopped>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.0.recv().ok()?;
        Some(result.recv().map_err(|_| Stopped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_come_in_order_whoever_is_first() {
        let (submitter, jobs, results) = ordered(3);
        let doubled: Vec<_> = std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    jobs.run(|number: u64| {
                        std::thread::sleep(Duration::from_micros(number % 7 * 300));
                        number * 2
                    });
                });
            }
            scope.spawn(move || (0..100).try_for_each(|number| submitter.send(number)));
            results.collect()
        });
        assert_eq!(doubled, (0..100).map(|number| Ok(number * 2)).collect::<Vec<_>>());
    }

    #[test]
    fn a_consumer_that_goes_away_stops_the_submitter() {
        let (submitter, jobs, mut results) = ordered(2);
        std::thread::scope(|scope| {
            scope.spawn(|| jobs.run(|number: u64| number));
            let sending = scope.spawn(move || (0..).try_for_each(|number| submitter.send(number)));
            assert_eq!(results.next(), Some(Ok(0)));
            drop(results);
            assert_eq!(sending.join().unwrap(), Err(Stopped));
        });
    }

    #[test]
    fn a_thread_that_dies_is_no_deadlock() {
        let (submitter, jobs, results) = ordered(2);
        let ends = std::thread::scope(|scope| {
            let dying = scope.spawn(|| jobs.run(|_: u64| -> u64 { panic!("on purpose") }));
            let sending = scope.spawn(move || (0..100).try_for_each(|number| submitter.send(number)));
            let first = results.take(1).collect::<Vec<_>>();
            let _ = dying.join();
            (first, sending.join().unwrap())
        });
        assert_eq!(ends, (vec![Err(Stopped)], Err(Stopped)));
    }
}
