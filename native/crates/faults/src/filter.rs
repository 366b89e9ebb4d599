use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use crate::calls::{CALLS, Group};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;

/// Places in `struct seccomp_data`.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const JUMP_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// Makes the kernel ask the returned listener before this process, or a child to come, does one of the calls.
pub fn install(groups: &[Group]) -> io::Result<OwnedFd> {
    let program = program(groups);
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // A caller that a signal interrupts would ask again, and be counted twice.
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the kernel copies the program, which lives until the call returns; a new descriptor is ours alone.
    unsafe {
        match libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(i32::try_from(fd).map_err(io::Error::other)?)),
        }
    }
}

fn program(groups: &[Group]) -> Vec<libc::sock_filter> {
    let numbers: Vec<u32> = CALLS
        .iter()
        .filter(|call| groups.contains(&call.group))
        .filter_map(|call| u32::try_from(call.number).ok())
        .collect();
    let mut program = vec![
        statement(LOAD, ARCHITECTURE_AT),
        jump(ARCHITECTURE, 1, 0),
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
        statement(LOAD, NUMBER_AT),
    ];
    for number in numbers {
        program.push(jump(number, 0, 1));
        program.push(statement(RETURN, libc::SECCOMP_RET_USER_NOTIF));
    }
    program.push(statement(RETURN, libc::SECCOMP_RET_ALLOW));
    program
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    // The codes are bytes.
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn jump(k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: JUMP_EQUAL as u16, jt, jf, k }
}
