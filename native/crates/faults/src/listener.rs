use std::io::{self, IoSlice};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// Asked before each call of the filter.
pub struct Listener(OwnedFd);

/// A call that waits for its answer.
pub struct Question {
    pub id: u64,
    /// The thread that makes it, as we see it.
    pub thread: u32,
    pub number: libc::c_int,
    pub arguments: [u64; 6],
}

pub enum Answer {
    Continue,
    Errno(i32),
}

impl Listener {
    pub fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// The next question; `None` when there is none within `milliseconds`, or nobody is left to ask one.
    pub fn wait(&self, milliseconds: i32) -> io::Result<Option<Question>> {
        let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry.
        let ready = unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
        if ready <= 0 || poll.revents & libc::POLLIN == 0 {
            return Ok(None);
        }
        // SAFETY: plain numbers; the kernel wants them zero.
        let mut notification: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the kernel fills in exactly this structure.
        let received =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notification) };
        if received != 0 {
            let error = io::Error::last_os_error();
            // Who asked was killed meanwhile.
            return if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) {
                Ok(None)
            } else {
                Err(error)
            };
        }
        let libc::seccomp_notif { id, pid, data, .. } = notification;
        Ok(Some(Question { id, thread: pid, number: data.nr, arguments: data.args }))
    }

    pub fn answer(&self, question: &Question, answer: &Answer) -> io::Result<()> {
        let (error, flags) = match answer {
            Answer::Continue => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::Errno(errno) => (-errno, 0),
        };
        let response = libc::seccomp_notif_resp { id: question.id, val: 0, error, flags };
        // SAFETY: the kernel reads exactly this structure.
        if unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) } == 0 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            error => Err(error),
        }
    }
}

/// Room for one descriptor in a control message.
type Control = [u64; 4];

/// Hands a descriptor to the process at the other end of `socket`. Makes no call that a filter asks about.
pub fn send(socket: RawFd, fd: RawFd) -> io::Result<()> {
    let mut control: Control = [0; 4];
    let byte = [IoSlice::new(b"x")];
    let message = message(byte.as_ptr().cast(), &mut control);
    // SAFETY: the message has room for one header with one descriptor, which is written before the kernel reads it.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as usize;
        ptr::write_unaligned(libc::CMSG_DATA(header).cast::<RawFd>(), fd);
        if libc::sendmsg(socket, &raw const message, 0) == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// The descriptor that `send` has sent.
pub fn receive(socket: RawFd) -> io::Result<OwnedFd> {
    let mut control: Control = [0; 4];
    let mut byte = [0_u8; 1];
    let vector = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let mut message = message(&raw const vector, &mut control);
    // SAFETY: the kernel writes within the given rooms; a descriptor that comes is ours alone.
    unsafe {
        if libc::recvmsg(socket, &raw mut message, libc::MSG_CMSG_CLOEXEC) != 1 {
            return Err(io::Error::last_os_error());
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() {
            return Err(io::Error::other("no descriptor came"));
        }
        Ok(OwnedFd::from_raw_fd(ptr::read_unaligned(libc::CMSG_DATA(header).cast::<RawFd>())))
    }
}

fn message(vector: *const libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all zero is a message without anything.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = vector.cast_mut();
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: arithmetic only.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<RawFd>() as u32) } as usize;
    message
}
