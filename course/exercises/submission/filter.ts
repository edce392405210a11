/** The system calls of one architecture that a learner's program has no need of. */
interface Calls {
  /** As the kernel names the architecture in what it hands to a filter. */
  audit: number;
  clone: number;
  clone3: number;
  socket: number;
  forbidden: Record<string, number>;
}

const CALLS: Partial<Record<NodeJS.Architecture, Calls>> = {
  x64: {
    audit: 0xc000003e,
    clone: 56,
    clone3: 435,
    socket: 41,
    forbidden: {
      fork: 57,
      vfork: 58,
      ptrace: 101,
      shmget: 29,
      msgget: 68,
      semget: 64,
      unshare: 272,
      setns: 308,
      mount: 165,
      umount2: 166,
      pivot_root: 155,
      chroot: 161,
      keyctl: 250,
      add_key: 248,
      request_key: 249,
      bpf: 321,
      perf_event_open: 298,
      userfaultfd: 323,
      memfd_create: 319,
      memfd_secret: 447,
      process_vm_readv: 310,
      process_vm_writev: 311,
      io_uring_setup: 425,
      open_by_handle_at: 304,
      chmod: 90,
      fchmod: 91,
      fchmodat: 268,
      fchmodat2: 452,
      chown: 92,
      fchown: 93,
      lchown: 94,
      fchownat: 260,
      utime: 132,
      utimes: 235,
      futimesat: 261,
      utimensat: 280,
      setxattr: 188,
      lsetxattr: 189,
      fsetxattr: 190,
    },
  },
  arm64: {
    audit: 0xc00000b7,
    clone: 220,
    clone3: 435,
    socket: 198,
    forbidden: {
      ptrace: 117,
      shmget: 194,
      msgget: 186,
      semget: 190,
      unshare: 97,
      setns: 268,
      mount: 40,
      umount2: 39,
      pivot_root: 41,
      chroot: 51,
      keyctl: 219,
      add_key: 217,
      request_key: 218,
      bpf: 280,
      perf_event_open: 241,
      userfaultfd: 282,
      memfd_create: 279,
      memfd_secret: 447,
      process_vm_readv: 270,
      process_vm_writev: 271,
      io_uring_setup: 425,
      open_by_handle_at: 265,
      fchmod: 52,
      fchmodat: 53,
      fchmodat2: 452,
      fchownat: 54,
      fchown: 55,
      utimensat: 88,
      setxattr: 5,
      lsetxattr: 6,
      fsetxattr: 7,
    },
  },
};

const LOAD = 0x20;
const EQUAL = 0x15;
const AT_LEAST = 0x35;
const ANY_BIT = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const refuse = (error: number) => 0x00050000 | error;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** Where the filter finds what it looks at: the call, the architecture, the first argument. */
const [CALL, ARCHITECTURE, FIRST_ARGUMENT] = [0, 4, 16];
/** Of `clone`: what is made is a thread, not a process. */
const CLONE_THREAD = 0x10000;
/**
 * The families of sockets that a namespace of networks holds, and that Node.js asks for: Unix, IPv4,
 * IPv6, the kernel's list of interfaces. Others may lead out of it, as to the host of a virtual machine.
 */
const FAMILIES = [1, 2, 10, 16];
/** On x64: numbers from here on belong to another set of calls. */
const X32 = 0x40000000;

/** Whether there is a filter for this machine. */
export const hasFilter = () => process.arch in CALLS;

/**
 * A seccomp filter, as the kernel takes it: no processes (threads are let through), no name spaces,
 * no memory that belongs to no process, nothing that looks into others, no change of a file's mode or
 * owner: where root checks, devices are root's own in a sandbox too.
 *
 * @see https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
 */
export function seccompFilter(architecture: NodeJS.Architecture = process.arch): Buffer {
  const calls = CALLS[architecture];
  if (!calls) throw new Error(`there is no filter for ${architecture}`);
  const { audit, clone, clone3, socket, forbidden } = calls;
  const program: Instruction[] = [
    [LOAD, 0, 0, ARCHITECTURE],
    [EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL],
    [LOAD, 0, 0, CALL],
    [AT_LEAST, 0, 1, X32],
    [RETURN, 0, 0, refuse(EPERM)],
    // Its flags lie in memory, where a filter cannot look: without it, libraries take `clone`.
    [EQUAL, 0, 1, clone3],
    [RETURN, 0, 0, refuse(ENOSYS)],
    ...Object.values(forbidden).flatMap((call): Instruction[] => [
      [EQUAL, 0, 1, call],
      [RETURN, 0, 0, refuse(EPERM)],
    ]),
    [EQUAL, 0, FAMILIES.length + 3, socket],
    [LOAD, 0, 0, FIRST_ARGUMENT],
    ...FAMILIES.map((family, i): Instruction => [EQUAL, FAMILIES.length - i, 0, family]),
    [RETURN, 0, 0, refuse(EAFNOSUPPORT)],
    [RETURN, 0, 0, ALLOW],
    [EQUAL, 0, 3, clone],
    [LOAD, 0, 0, FIRST_ARGUMENT],
    [ANY_BIT, 1, 0, CLONE_THREAD],
    [RETURN, 0, 0, refuse(EPERM)],
    [RETURN, 0, 0, ALLOW],
  ];
  return Buffer.concat(program.map(bytesOf));
}

type Instruction = [code: number, ifTrue: number, ifFalse: number, value: number];

function bytesOf([code, ifTrue, ifFalse, value]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(ifTrue, 2);
  bytes.writeUInt8(ifFalse, 3);
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}
