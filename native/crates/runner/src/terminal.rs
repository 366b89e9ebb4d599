use std::io::stdin;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// The state of the user's terminal, put back when dropped: a runtime that gets killed leaves it raw.
pub struct SavedTerminal(Option<Termios>);

impl SavedTerminal {
    pub fn save(wanted: bool) -> Self {
        Self(if wanted { tcgetattr(stdin()).ok() } else { None })
    }
}

impl Drop for SavedTerminal {
    fn drop(&mut self) {
        if let Some(state) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Now, state);
        }
    }
}
