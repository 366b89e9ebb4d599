use std::fs;

/// Kills a process, and with `whole` all that it has started.
pub fn kill(main: u32, whole: bool) {
    signal(main);
    if !whole {
        return;
    }
    kill_descendants();
}

/// Kills whatever this process has started, directly or not: orphans become ours. Says what that was.
pub fn kill_descendants() -> Vec<String> {
    let killed = descendants(std::process::id());
    let names = killed.iter().map(|child| fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default());
    let names = names.map(|name| name.trim().to_owned()).collect();
    for child in killed {
        signal(child);
    }
    names
}

fn signal(pid: u32) {
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: only sends a signal.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

fn descendants(of: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&each) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == each).map(|(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// `proc_pid_stat(5)`: the fourth field, after a name that may hold anything.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}
