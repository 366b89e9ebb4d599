//! Every target over mutated seeds, the same ones in every run. native/fuzz looks further.

use std::time::{Duration, Instant};

use hostile::{Random, TARGETS, Target, mutate};

/// A bound for slow machines; on a fast one the number of runs ends it first.
const LIMIT: Duration = Duration::from_secs(10);
const RUNS: usize = 3000;

#[test]
fn seeds_are_accepted() {
    let _held = hostile::hold();
    for target in &TARGETS {
        for (number, seed) in (target.seeds)().iter().enumerate() {
            let empty_tree = target.name == "tree" && number == 0;
            assert!((target.run)(seed) || empty_tree, "seed {number} of {}", target.name);
        }
    }
}

#[test]
fn mutated_seeds_break_no_promise() {
    let _held = hostile::hold();
    std::thread::scope(|scope| {
        for target in &TARGETS {
            scope.spawn(|| explore(target));
        }
    });
}

fn explore(target: &Target) {
    let started = Instant::now();
    let mut random = Random(42);
    let seeds = (target.seeds)();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..RUNS {
        let mut bytes = seeds[random.next(seeds.len())].clone();
        mutate(&mut bytes, &mut random);
        if (target.run)(&bytes) {
            good += 1
        } else {
            bad += 1
        }
        if started.elapsed() > LIMIT {
            break;
        }
    }
    // Mutations that are all refused, or all harmless, would prove nothing.
    assert!(good > 0 && bad > 0, "{}: {good} accepted, {bad} refused", target.name);
}

/// Found by libFuzzer: an offset near 2^32 overflowed when the start of the records was added.
#[test]
fn no_number_of_a_stat_index_is_too_large() {
    let _held = hostile::hold();
    let target = hostile::target("stat-index").unwrap();
    let seed = (target.seeds)().remove(0);
    for at in (0..seed.len()).step_by(2) {
        let mut bytes = seed.clone();
        bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff);
        (target.run)(&bytes);
    }
}

#[test]
fn names_are_found() {
    assert!(TARGETS.iter().all(|target| hostile::target(target.name).is_some()));
    assert!(hostile::target("nothing").is_none());
}
