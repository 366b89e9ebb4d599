use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The first line on fd 3.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    pub id: String,
    /// An empty directory that gets memory mounted on it; its `rootfs` becomes the mount point of the root.
    pub bundle: PathBuf,
    /// What goes into the bundle, `config.json` among it: name to text. It may hold secrets, so no disk must see it.
    pub files: BTreeMap<String, String>,
    /// What mounts take from the bundle.
    pub sources: Vec<Source>,
    pub runtime: PathBuf,
    /// Bottom first.
    pub layers: Vec<PathBuf>,
    pub upper: PathBuf,
    pub work: PathBuf,
    pub network: Network,
    /// Whether any user may listen below port 1024 and ping, in a network of its own.
    pub open_ports: bool,
    /// Name under every cgroup hierarchy.
    pub cgroup: String,
    pub terminal: bool,
    /// Carry stdout and stderr through pipes: a program may reopen `/dev/stdout`, which a socket does not allow.
    pub capture: bool,
    /// Everything that gets mounted, in order, `/proc` and its kin included.
    pub mounts: Vec<MountPoint>,
    pub cwd: WorkingDirectory,
    pub command: String,
    /// Value of PATH that the command is looked up in.
    pub path: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Network {
    Host,
    None,
    /// That of a process, which keeps it up (holder.rs).
    Joined {
        pid: u32,
    },
}

/// Something that is made for the container and bound into it.
#[derive(Deserialize)]
pub struct Source {
    /// Where in the bundle it has to stand.
    pub place: PathBuf,
    #[serde(flatten)]
    pub content: Content,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// A path of an overlay, or of a plain directory, which is one without layers.
    Tree {
        /// Bottom first.
        layers: Vec<PathBuf>,
        upper: Option<WritableLayer>,
        /// Links are followed, and none leads out.
        path: PathBuf,
    },
    /// A file in memory.
    File {
        /// Its bytes as hex digits.
        hex: String,
        mode: u32,
        uid: u32,
        gid: u32,
    },
}

#[derive(Deserialize)]
pub struct WritableLayer {
    pub path: PathBuf,
    /// Not used without layers below.
    pub work: PathBuf,
}

#[derive(Deserialize)]
pub struct MountPoint {
    pub target: PathBuf,
    /// Absent for a file system of the kernel, which is a directory.
    pub source: Option<PathBuf>,
    /// Of a directory that has to be made there: what is mounted may take it over.
    pub mode: Option<u32>,
}

#[derive(Deserialize)]
pub struct WorkingDirectory {
    pub path: PathBuf,
    pub uid: u32,
    pub gid: u32,
}

/// Later lines on fd 3. Its end means: kill everything.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Control {
    Signal { signal: u8 },
}

/// Lines on fd 4. The last one says how it ended.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event<'a> {
    Started,
    /// `network_left`: the joined network still has something of the container, so it is not as it was.
    #[serde(rename_all = "camelCase")]
    Exited {
        code: i32,
        network_left: bool,
    },
    #[serde(rename_all = "camelCase")]
    Signaled {
        signal: i32,
        network_left: bool,
    },
    Failed(&'a Failure),
    /// A network can be used, which is that of process `pid` (as its keeper's parent sees it).
    Network {
        pid: i32,
    },
}

/// Lines out of a descriptor, read as they come.
pub struct Lines(BufReader<File>);

impl Lines {
    pub fn new(fd: OwnedFd) -> Self {
        Self(BufReader::new(File::from(fd)))
    }

    /// The next line, or `None` at the end.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        Ok((self.0.read_line(&mut line)? > 0).then_some(line))
    }

    /// Whether a whole line waits in the buffer, where polling the descriptor does not see it.
    pub fn has_buffered(&self) -> bool {
        self.0.buffer().contains(&b'\n')
    }

    pub fn fd(&self) -> &File {
        self.0.get_ref()
    }
}

/// Hands the line of a request on to the worker.
pub fn pass_on(to_worker: &mut File, line: &str) -> io::Result<()> {
    to_worker.write_all(&(line.len() as u64).to_ne_bytes())?;
    to_worker.write_all(line.as_bytes())
}

/// What `pass_on` wrote, and not a byte of what follows it. `None` where nothing came before the end.
pub fn take(from_supervisor: &mut File) -> io::Result<Option<String>> {
    let mut length = [0_u8; 8];
    match from_supervisor.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let mut line = String::new();
    from_supervisor.take(u64::from_ne_bytes(length)).read_to_string(&mut line)?;
    Ok(Some(line))
}

/// Writes one event. A reader that has gone away is no concern of ours: its end kills us anyway.
pub fn send(events: &OwnedFd, event: &Event) {
    if let Ok(mut line) = serde_json::to_vec(event) {
        line.push(b'\n');
        if let Ok(fd) = events.try_clone() {
            let _ = File::from(fd).write_all(&line);
        }
    }
}
