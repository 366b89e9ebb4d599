//! All targets of `hostile` under libFuzzer; HOSTILE_TARGET says which, HOSTILE_CORPUS where its seeds go.
//! Run by run.mjs, which builds it with coverage.

#![no_main]

use std::sync::OnceLock;

use hostile::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("HOSTILE_TARGET").expect("HOSTILE_TARGET is not set");
        let target = hostile::target(&name).expect("HOSTILE_TARGET is no target");
        let held = hostile::hold();
        let corpus = std::path::PathBuf::from(std::env::var_os("HOSTILE_CORPUS").expect("HOSTILE_CORPUS is not set"));
        for (number, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed).expect("the seeds cannot be written");
        }
        TARGET.set(target).ok();
        // For the whole run; run.mjs removes the folder that it is in.
        std::mem::forget(held);
    },
    |bytes: &[u8]| {
        (TARGET.get().expect("init ran").run)(bytes);
    }
);
