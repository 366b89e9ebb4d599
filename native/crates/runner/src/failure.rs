use serde::Serialize;

/// What could not be done; the TypeScript side turns it into an error with a code of its own.
#[derive(Debug, Serialize)]
pub struct Failure {
    pub code: Code,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request is not what we understand.
    Request,
    /// A namespace or a mount was refused.
    Isolation,
    /// The kernel wants more privilege than we have.
    Privilege,
    /// The root could not be put together.
    Root,
    /// What should be mounted is not there.
    MountSource,
    /// Where something should be mounted stands something that it cannot be mounted on.
    MountTarget,
    Network,
    /// The OCI runtime did not start the container; the message is its own.
    Runtime,
    CommandNotFound,
    CommandNotExecutable,
}

pub type Result<T> = std::result::Result<T, Failure>;

/// Says what was being done when the system refused.
pub trait During<T> {
    fn during(self, code: Code, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: std::fmt::Display> During<T> for std::result::Result<T, E> {
    fn during(self, code: Code, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure { code, message: format!("{}: {error}", what()) })
    }
}
