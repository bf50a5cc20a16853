// A hook that misbehaves in the ways its file name says: 10_payload-truncate+exit-1 does these two, in this order, and
// a name that says no end exits with 0. One static program, so that it starts quickly.
//
// FAULT_DIR in its environment is where it meets the test: it appends the number of every process that it leaves to
// FAULT_DIR/pids, waits for FAULT_DIR/go, makes FAULT_DIR/ready and copies what it saw to FAULT_DIR/seen/NAME.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace {

using Text = std::string;

Text g_name;  // as which file it was called

Text environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? Text() : Text(value);
}
Text meeting(const char* name) { return environment("FAULT_DIR") + "/" + name; }
Text payload() {
  const auto json = environment("_hook_json");
  return json.empty() ? environment("_hook_domxml") : json;
}
Text directory() { return payload().substr(0, payload().rfind('/')); }

[[noreturn]] void give_up(const char* what) {
  ::perror(what);
  ::_exit(99);
}
void must(bool did, const char* what) {
  if (!did) give_up(what);
}

void nap() {
  const timespec short_time{0, 2'000'000};
  ::nanosleep(&short_time, nullptr);
}
[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

void write_to(const Text& file, std::string_view data, int flags = O_TRUNC) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | flags, 0600);
  must(fd >= 0 && ::write(fd, data.data(), data.size()) == static_cast<ssize_t>(data.size()), file.c_str());
  ::close(fd);
}
Text content() {
  Text data;
  char piece[4096];
  const int fd = ::open(payload().c_str(), O_RDONLY);
  for (ssize_t n = 0; fd >= 0 && (n = ::read(fd, piece, sizeof piece)) > 0;) data.append(piece, static_cast<size_t>(n));
  if (fd >= 0) ::close(fd);
  return data;
}
// In place.
void leave(std::string_view data) { write_to(payload(), data); }

// A sound change that names who made it.
Text edited() {
  auto data = content();
  if (data.starts_with('{')) return data.insert(1, "\"" + g_name + "\":1,");
  const auto end = data.rfind("</");
  return end == Text::npos ? data : data.insert(end, "<by hook='" + g_name + "'/>");
}
Text with(std::string_view old, std::string_view fresh) {
  auto data = content();
  const auto at = data.find(old);
  return at == Text::npos ? data : data.replace(at, old.size(), fresh);
}
Text without(std::string_view from, std::string_view to) {
  auto data = content();
  const auto start = data.find(from), end = data.find(to);
  return data.erase(start, end + to.size() - start);
}

// A sound change of one byte through a mapping, after reading: on tmpfs no time stamp tells of it.
void edit_mapped() {
  const auto at = content().find("1024");
  const int fd = ::open(payload().c_str(), O_RDWR);
  auto* mapped = static_cast<char*>(::mmap(nullptr, content().size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  must(at != Text::npos && mapped != MAP_FAILED, "mmap");
  mapped[at] = '9';
}
// Nobody changes it any more, root included.
void make_immutable(const Text& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  int flags = 0;
  must(::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0, "get flags");
  flags |= FS_IMMUTABLE_FL;
  must(::ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0, "set flags");
}
void mount_over(const Text& path, const char* source, const char* type, unsigned long flags) {
  must(::mount(source, path.c_str(), type, flags, nullptr) == 0, "mount");
}

// Whoever goes on in the background tells its number first, so that the test finds it.
bool is_child_of_fork() {
  const pid_t pid = ::fork();
  must(pid >= 0, "fork");
  if (pid > 0) return false;
  write_to(meeting("pids"), std::to_string(::getpid()) + "\n", O_APPEND);
  return true;
}
// Returns in the parent once the child has told.
template <typename Work>
void in_background(Work work) {
  int told[2];
  must(::pipe2(told, O_CLOEXEC) == 0, "pipe");
  if (is_child_of_fork()) {
    ::close(told[0]);
    ::close(told[1]);
    work();
    ::_exit(0);
  }
  ::close(told[1]);
  char none;
  must(::read(told[0], &none, 1) == 0, "wait for the child");
  ::close(told[0]);
}
void leave_a_zombie() {
  const pid_t pid = ::fork();
  must(pid >= 0, "fork");
  if (pid == 0) ::_exit(0);
  siginfo_t info;
  must(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0, "waitid");
}
void close_stdio() {
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
}
[[noreturn]] void sleep_with_environment(char* entry) {
  char self[] = "fault_hook", step[] = "sleep";
  char* arguments[] = {self, step, nullptr};
  char* environment[] = {entry, nullptr};
  ::execve("/proc/self/exe", arguments, environment);
  give_up("exec");
}
[[noreturn]] void sleep_without_environment() { sleep_with_environment(nullptr); }
// As a hook of somebody else's.
[[noreturn]] void sleep_with_mark(const char* entry) {
  Text text(entry);
  ::setsid();
  sleep_with_environment(text.data());
}
// The first thread ends, and another goes on: it looks like a zombie from outside.
[[noreturn]] void leave_it_to_a_thread() {
  pthread_t thread;
  must(::pthread_create(
           &thread, nullptr, [](void*) -> void* { sleep_for_ever(); }, nullptr) == 0,
       "pthread_create");
  ::pthread_exit(nullptr);
}
// Orphans that end at once; returns when none is a zombie any more, or gives up.
void wait_for_reaping(int count) {
  int told[2];
  must(::pipe2(told, O_CLOEXEC) == 0, "pipe");
  for (int i = 0; i < count; ++i) {
    const pid_t pid = ::fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
      const pid_t orphan = ::fork();
      if (orphan > 0) must(::write(told[1], &orphan, sizeof orphan) == sizeof orphan, "tell");
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
    pid_t orphan = 0;
    must(::read(told[0], &orphan, sizeof orphan) == sizeof orphan, "hear");
    for (int naps = 0; ::kill(orphan, 0) == 0; ++naps) {
      if (naps == 5000) ::_exit(97);
      nap();
    }
  }
}
void await() {
  while (::access(meeting("go").c_str(), F_OK) != 0) nap();
}
// A new process for every step of the way: whoever looks for it finds a number that is gone. Slow enough not to use up
// the host's numbers, which whoever adopts orphans gives back at his leisure.
[[noreturn]] void hop_for_ever() {
  for (;;) {
    const timespec pause{0, 500'000};
    ::nanosleep(&pause, nullptr);
    if (::fork() != 0) ::_exit(0);
  }
}

// The same in a new session each time, as quickly as it can.
[[noreturn]] void hop_sessions_for_ever() {
  for (;;) {
    if (::fork() != 0) ::_exit(0);
    ::setsid();
  }
}

void print_file(const char* name) {
  const int fd = ::open(name, O_RDONLY | O_CLOEXEC);
  char piece[4096];
  for (ssize_t n = 0; (n = ::read(fd, piece, sizeof piece)) > 0;)
    must(::write(1, piece, static_cast<size_t>(n)) == n, "write");
  ::close(fd);
}

void flood(int megabytes) {
  static char block[1 << 16];
  ::memset(block, 'x', sizeof block);
  block[sizeof block - 1] = '\n';
  for (int piece = 0; piece < megabytes * 16; ++piece)
    for (int fd : {1, 2})
      for (size_t done = 0; done < sizeof block;) {
        const auto n = ::write(fd, block + done, sizeof block - done);
        if (n <= 0) return;
        done += static_cast<size_t>(n);
      }
  must(::write(1, "end of stdout\n", 14) == 14 && ::write(2, "end of stderr\n", 14) == 14, "write");
}

void list_descriptors() {
  DIR* dir = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(dir))
    if (entry->d_name[0] != '.' && ::atoi(entry->d_name) != ::dirfd(dir)) ::printf("%s\n", entry->d_name);
  ::closedir(dir);
}
// The kernel's own structure: libc hides the signals that it keeps for itself.
void print_state() {
  char here[4096];
  const mode_t mask = ::umask(0);
  ::printf("cwd %s\numask %03o\nterminal %d\nleads_group %d\n", ::getcwd(here, sizeof here), mask,
           ::open("/dev/tty", O_RDWR) >= 0, ::getpgrp() == ::getpid());
  unsigned long blocked = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, nullptr, &blocked, 8);
  ::printf("blocked %lx\nignored", blocked);
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } now{};
  for (int signal = 1; signal < 65; ++signal)
    if (::syscall(SYS_rt_sigaction, signal, nullptr, &now, 8) == 0 && now.handler != nullptr) ::printf(" %d", signal);
  char byte;
  ::printf("\nstdin %zd\n", ::read(0, &byte, 1));
}

[[noreturn]] void die(int signal) {
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  sleep_for_ever();
}

void swap_for_ever() {
  const auto file = payload(), other = directory() + "/other";
  for (;;) {
    ::unlink(file.c_str());
    must(::mkfifo(file.c_str(), 0600) == 0 || errno == EEXIST, "mkfifo");
    ::unlink(other.c_str());
    static_cast<void>(::symlink("/etc/passwd", other.c_str()));
    ::rename(other.c_str(), file.c_str());
    ::rmdir(file.c_str());
    write_to(other, "<domain/>");
    ::rename(other.c_str(), file.c_str());
  }
}

constexpr const char* kLaughs =
    "<!DOCTYPE domain [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
    "\"&b;&b;&b;&b;&b;&b;&b;&b;\">"
    "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;\">"
    "<!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;\"><!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;\">]><domain>&g;</domain>";

struct Step {
  const char* name;
  void (*act)(int argument);
};

const Step kSteps[] = {
    {"exit", [](int code) { ::fflush(nullptr), ::_exit(code); }},
    {"die", [](int signal) { die(signal); }},
    {"sleep", [](int) { sleep_for_ever(); }},
    {"freeze", [](int) { ::raise(SIGSTOP), sleep_for_ever(); }},
    {"ignore-term", [](int) { ::signal(SIGTERM, SIG_IGN); }},
    {"kill-parent", [](int) { ::kill(::getppid(), SIGKILL), sleep_for_ever(); }},
    // Others besides it.
    {"daemon", [](int) { in_background(sleep_for_ever); }},
    {"daemon-session", [](int) { in_background([] { ::setsid(), sleep_for_ever(); }); }},
    {"daemon-bare", [](int) { in_background([] { ::setsid(), sleep_without_environment(); }); }},
    {"daemon-quiet", [](int) { in_background([] { close_stdio(), sleep_for_ever(); }); }},
    {"daemon-quiet-bare", [](int) { in_background([] { ::setsid(), close_stdio(), sleep_without_environment(); }); }},
    {"daemon-late",
     [](int) {
       in_background([] {
         close_stdio(), await();
         if (is_child_of_fork()) sleep_for_ever();
       });
     }},
    {"daemon-other-run", [](int) { in_background([] { sleep_with_mark("VDSM_HOOK_RUN_ID=x"); }); }},
    {"daemon-other-mark", [](int) { in_background([] { sleep_with_mark("VDSM_HOOK_MARK=x"); }); }},
    {"daemon-thread", [](int) { in_background([] { ::setsid(), close_stdio(), leave_it_to_a_thread(); }); }},
    {"leave-to-thread", [](int) { leave_it_to_a_thread(); }},
    {"become-root", [](int) { must(::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0, "setresuid"); }},
    {"orphans-reaped", wait_for_reaping},
    {"hop-session", [](int) { in_background([] { close_stdio(), hop_sessions_for_ever(); }); }},
    {"daemon-flood",
     [](int) {
       in_background([] {
         for (;;) flood(1024);
       });
     }},
    {"daemon-swap", [](int) { in_background([] { close_stdio(), swap_for_ever(); }); }},
    {"daemon-edit",
     [](int) { in_background([] { close_stdio(), await(), leave(edited()), write_to(meeting("ready"), "1"); }); }},
    {"hop", [](int) { in_background([] { close_stdio(), hop_for_ever(); }); }},
    {"children",
     [](int count) {
       while (count-- > 0) in_background(sleep_for_ever);
     }},
    {"zombies",
     [](int count) {
       while (count-- > 0) leave_a_zombie();
     }},
    // What it says.
    {"say",
     [](int) { ::dprintf(1, "%s on stdout\n", g_name.c_str()), ::dprintf(2, "%s on stderr\n", g_name.c_str()); }},
    {"flood", flood},
    {"close-stdio", [](int) { close_stdio(); }},
    {"list-fds", [](int) { list_descriptors(); }},
    {"print-state", [](int) { print_state(); }},
    {"print-cgroup", [](int) { print_file("/proc/self/cgroup"); }},
    {"print-env",
     [](int) {
       for (char** at = environ; *at != nullptr; ++at) ::puts(*at);
     }},
    // Meeting the test.
    {"ready", [](int) { write_to(meeting("ready"), std::to_string(::getpid())); }},
    {"await", [](int) { await(); }},
    {"saw", [](int) { write_to(meeting("seen/") + g_name, content()); }},
    {"remove-next", [](int) { must(::unlink(environment("FAULT_NEXT").c_str()) == 0, "unlink"); }},
    // The payload file.
    {"payload-edit", [](int) { leave(edited()); }},
    {"payload-map", [](int) { edit_mapped(); }},
    {"payload-bind", [](int) { mount_over(payload(), payload().c_str(), nullptr, MS_BIND); }},
    {"payload-lock", [](int) { make_immutable(payload()); }},
    {"payload-rename",
     [](int) {
       write_to(directory() + "/other", edited());
       ::rename((directory() + "/other").c_str(), payload().c_str());
     }},
    {"payload-same", [](int) { leave(content()); }},
    {"payload-delete", [](int) { must(::unlink(payload().c_str()) == 0, "unlink"); }},
    {"payload-truncate", [](int) { leave(""); }},
    {"payload-half", [](int) { leave(content().substr(0, content().size() / 2)); }},
    {"payload-grow", [](int) { must(::truncate(payload().c_str(), 1 << 30) == 0, "truncate"); }},
    {"payload-link",
     [](int) { ::unlink(payload().c_str()), must(::symlink("/etc/passwd", payload().c_str()) == 0, "symlink"); }},
    {"payload-hardlink", [](int) { must(::link(payload().c_str(), (directory() + "/hard").c_str()) == 0, "link"); }},
    {"payload-directory",
     [](int) { ::unlink(payload().c_str()), must(::mkdir(payload().c_str(), 0700) == 0, "mkdir"); }},
    {"payload-fill", [](int) { write_to(payload() + "/file", "x"); }},
    {"payload-fifo", [](int) { ::unlink(payload().c_str()), must(::mkfifo(payload().c_str(), 0600) == 0, "mkfifo"); }},
    {"payload-socket",
     [](int) {
       ::unlink(payload().c_str());
       sockaddr_un address{};
       address.sun_family = AF_UNIX;
       must(::chdir(directory().c_str()) == 0, "chdir");  // its whole path may be too long for a socket
       ::strcpy(address.sun_path, payload().c_str() + directory().size() + 1);
       must(::bind(::socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
            "bind");
     }},
    {"payload-chmod", [](int mode) { must(::chmod(payload().c_str(), static_cast<mode_t>(mode)) == 0, "chmod"); }},
    {"payload-chown", [](int uid) { must(::chown(payload().c_str(), static_cast<uid_t>(uid), 0) == 0, "chown"); }},
    {"directory-move", [](int) { must(::rename(directory().c_str(), meeting("away").c_str()) == 0, "rename"); }},
    {"directory-cover", [](int) { mount_over(directory(), "none", "tmpfs", 0); }},
    {"directory-bind", [](int) { mount_over(directory(), directory().c_str(), nullptr, MS_BIND); }},
    {"directory-lock", [](int) { make_immutable(directory()); }},
    {"directory-chmod", [](int mode) { must(::chmod(directory().c_str(), static_cast<mode_t>(mode)) == 0, "chmod"); }},
    {"directory-remove", [](int) { ::unlink(payload().c_str()), must(::rmdir(directory().c_str()) == 0, "rmdir"); }},
    {"directory-clutter",
     [](int) { ::mkdir((directory() + "/a").c_str(), 0700), write_to(directory() + "/a/b", "x"); }},
    {"disk-fill",
     [](int) {
       const Text block(4096, 'x');
       const int fd = ::open((directory() + "/big").c_str(), O_WRONLY | O_CREAT, 0600);
       while (::write(fd, block.data(), block.size()) > 0) {
       }
     }},
    // Documents.
    {"doc-two-roots", [](int) { leave(content() + "<domain/>"); }},
    {"doc-prefix", [](int) { leave(with("</domain>", "<no:prefix/></domain>")); }},
    {"doc-entity", [](int) { leave(with("</domain>", "&nosuch;</domain>")); }},
    {"doc-utf8", [](int) { leave(with("</domain>", "<a>\xc3\x28</a></domain>")); }},
    {"doc-nul-reference", [](int) { leave(with("</domain>", "&#0;</domain>")); }},
    {"doc-nul", [](int) { leave(content() + Text(1, '\0')); }},
    {"doc-text-first", [](int) { leave("text" + content()); }},
    {"doc-laughs", [](int) { leave(kLaughs); }},
    {"doc-doctype", [](int) { leave("<!DOCTYPE domain>" + content()); }},
    {"doc-json", [](int) { leave("{\"a\": 1}"); }},
    {"doc-xml", [](int) { leave("<domain/>"); }},
    {"doc-deep", [](int) { leave(Text(100000, '[') + Text(100000, ']')); }},
    {"doc-blank", [](int) { leave("\n"); }},
    {"doc-root", [](int) { leave("<network><name>n</name></network>"); }},
    {"doc-uuid", [](int) { leave(with("<uuid>", "<uuid>f")); }},
    {"doc-uuid-twice", [](int) { leave(with("</domain>", "<uuid>x</uuid></domain>")); }},
    {"doc-no-uuid", [](int) { leave(without("<uuid>", "</uuid>")); }},
    {"doc-name", [](int) { leave(with("<name>", "<name>other-")); }},
};

// "exit-3": the longest step that it begins with, and the number behind it.
void act(std::string_view word) {
  const Step* found = nullptr;
  for (const auto& step : kSteps)
    if (word.starts_with(step.name) && (found == nullptr || ::strlen(step.name) > ::strlen(found->name))) found = &step;
  if (found == nullptr) {
    ::dprintf(2, "fault_hook: no step %.*s\n", static_cast<int>(word.size()), word.data());
    ::_exit(98);
  }
  const auto rest = word.substr(::strlen(found->name));
  found->act(rest.empty() ? 0 : ::atoi(Text(rest.substr(1)).c_str()));
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view words = argc > 1 ? argv[1] : argv[0];
  words.remove_prefix(words.rfind('/') + 1);
  g_name = words;
  ::setvbuf(stdout, nullptr, _IONBF, 0);
  if (argc == 1) words.remove_prefix(words.find('_') + 1);
  while (!words.empty()) {
    const auto end = words.find('+');
    act(words.substr(0, end));
    words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
  }
  return 0;
}
