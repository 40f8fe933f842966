"""Instructions of each part of a program that runs on this processor, counted by single steps.

    python3 benches/steps.py PROGRAM ARGUMENT...

For what no emulator at hand knows, such as AVX-512. Parts are what lies between two writes to standard output; their
counts are printed, a line each. The program runs freely until its first write. A step is one instruction as ptrace(2)
delivers it. Linux on x86-64 alone.
"""

import ctypes
import os
import signal
import sys

TRACEME, GETREGS, SINGLESTEP, SYSCALL, SETOPTIONS = 0, 12, 9, 24, 0x4200
TRACESYSGOOD = 1
# Places of rdi, rax and orig_rax in struct user_regs_struct, and of rip.
RDI, RAX, ORIG_RAX, RIP, REGISTERS = 14, 10, 15, 16, 27
WRITE, STDOUT = 1, 1

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(what: int, child: int, data=None) -> None:
    if libc.ptrace(what, child, None, data) < 0:
        raise SystemExit(f"ptrace: {os.strerror(ctypes.get_errno())}")


def go(child: int, how: int) -> bool:
    """Until the next stop; False where the program has ended well."""
    ptrace(how, child)
    _, status = os.waitpid(child, 0)
    if os.WIFSTOPPED(status):
        if os.WSTOPSIG(status) & 0x7F != signal.SIGTRAP:
            raise SystemExit(f"{sys.argv[1]} was stopped by {signal.Signals(os.WSTOPSIG(status)).name}")
        return True
    if status != 0:
        raise SystemExit(f"{sys.argv[1]} ended with status {os.waitstatus_to_exitcode(status)}")
    return False


def writes(child: int, regs, syscall: bytes = b"\x0f\x05") -> bool:
    """Whether the next instruction is a write to standard output."""
    ptrace(GETREGS, child, ctypes.byref(regs))
    if regs[RAX] != WRITE or regs[RDI] != STDOUT:
        return False
    with open(f"/proc/{child}/mem", "rb") as memory:
        memory.seek(regs[RIP])
        return memory.read(2) == syscall


def main() -> None:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        ptrace(TRACEME, 0)
        os.execv(sys.argv[1], sys.argv[1:])
    os.waitpid(child, 0)
    ptrace(SETOPTIONS, child, TRACESYSGOOD)
    regs = (ctypes.c_ulonglong * REGISTERS)()
    while go(child, SYSCALL):
        ptrace(GETREGS, child, ctypes.byref(regs))
        if regs[ORIG_RAX] == WRITE and regs[RDI] == STDOUT:
            break
    else:
        raise SystemExit(f"{sys.argv[1]} writes nothing")
    go(child, SYSCALL)  # out of the first write
    steps = 0
    while True:
        if writes(child, regs):
            print(steps, flush=True)
            steps = 0
        if not go(child, SINGLESTEP):
            return
        steps += 1


main()
