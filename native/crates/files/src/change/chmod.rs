//! `--chmod`: a mode, or changes to the mode that a source has (chmod(1), as BSD's setmode(3) reads them).

/// `FileMode` of native/types.ts.
#[derive(Clone, Debug)]
pub enum Chmod {
    To(u32),
    Steps(Vec<ModeStep>),
}

/// `ModeStep` of native/types.ts.
#[derive(Clone, Copy, Debug)]
pub enum ModeStep {
    Clear(u32),
    Set(u32),
    /// Of a directory, or of what somebody could execute before the first step.
    SetIfExecutable(u32),
    /// What one class (6 is the user, 3 the group, 0 others) may do now, for the classes of the mask `to`.
    Copy {
        from: u32,
        to: u32,
        how: CopyHow,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyHow {
    Clear,
    Set,
    Replace,
}

const ANYONE_EXECUTES: u32 = 0o111;
/// The bits of one class.
const CLASS: u32 = 0o7;

impl Chmod {
    /// What becomes of `mode`.
    pub fn of(&self, mode: u32, is_directory: bool) -> u32 {
        let steps = match self {
            Self::To(mode) => return *mode,
            Self::Steps(steps) => steps,
        };
        let is_executable = is_directory || mode & ANYONE_EXECUTES != 0;
        steps.iter().fold(mode, |now, step| match *step {
            ModeStep::Clear(bits) => now & !bits,
            ModeStep::Set(bits) => now | bits,
            ModeStep::SetIfExecutable(bits) => now | if is_executable { bits } else { 0 },
            ModeStep::Copy { from, to, how } => {
                let bits = (((now >> from) & CLASS) * ANYONE_EXECUTES) & to;
                match how {
                    CopyHow::Clear => now & !bits,
                    CopyHow::Set => now | bits,
                    CopyHow::Replace => (now & !to) | bits,
                }
            }
        })
    }

    /// For the directories that a copy has to make on its way: changes have nothing there to change.
    pub fn of_made(&self) -> Option<u32> {
        match self {
            Self::To(mode) => Some(*mode),
            Self::Steps(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_taken_in_order() {
        let steps = |steps: &[ModeStep]| Chmod::Steps(steps.to_vec());
        assert_eq!(steps(&[ModeStep::Clear(0o4700), ModeStep::Set(0o600)]).of(0o6755, false), 0o2655);
        let executable = steps(&[ModeStep::Clear(0o111), ModeStep::SetIfExecutable(0o110)]);
        assert_eq!(executable.of(0o644, false), 0o644);
        assert_eq!(executable.of(0o644, true), 0o754);
        assert_eq!(executable.of(0o601, false), 0o710);
        let copy = |how| steps(&[ModeStep::Copy { from: 6, to: 0o077, how }]);
        assert_eq!(copy(CopyHow::Replace).of(0o1652, false), 0o1666);
        assert_eq!(copy(CopyHow::Set).of(0o451, false), 0o455);
        assert_eq!(copy(CopyHow::Clear).of(0o657, false), 0o611);
        assert_eq!(Chmod::To(0o750).of(0o7777, true), 0o750);
    }
}
