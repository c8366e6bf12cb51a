#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <iterator>

#include "experiments/scores/sandbox_child.h"

namespace specula {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;  // of no process: everything is refused
#endif
constexpr uint32_t kOtherNumbers = 0x40000000;  // of x32, a second table of the same calls

constexpr int kRefused[] = {
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_clone,
    SYS_clone3,
    SYS_socket,
    SYS_socketpair,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_mount_setattr,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_memfd_create,
    SYS_prctl};

constexpr size_t kCalls = std::size(kRefused);

sock_filter load(size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)); }
sock_filter skip_one_if(uint16_t comparison, uint32_t value) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, 1, 0);
}
sock_filter skip_one_unless(uint16_t comparison, uint32_t value) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, 0, 1);
}
sock_filter answer(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

}  // namespace

bool filter_system_calls() {
  constexpr uint32_t kNotPermitted = SECCOMP_RET_ERRNO | EPERM;
  sock_filter program[6 + 2 * kCalls + 1];
  size_t n = 0;
  program[n++] = load(offsetof(seccomp_data, arch));
  program[n++] = skip_one_if(BPF_JEQ, kArchitecture);
  program[n++] = answer(SECCOMP_RET_KILL_PROCESS);
  program[n++] = load(offsetof(seccomp_data, nr));
  program[n++] = skip_one_unless(BPF_JGE, kOtherNumbers);
  program[n++] = answer(kNotPermitted);
  for (const int call : kRefused) {
    program[n++] = skip_one_unless(BPF_JEQ, static_cast<uint32_t>(call));
    program[n++] = answer(kNotPermitted);
  }
  program[n++] = answer(SECCOMP_RET_ALLOW);
  const sock_fprog whole{.len = static_cast<unsigned short>(n), .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) == 0;
}

}  // namespace specula
