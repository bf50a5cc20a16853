// peak PROGRAM ARGUMENT...: runs it and prints its peak memory in KiB. A process of its own, because a child's peak
// counts from its parent's size at the time of the start.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>

int main(int argc, char** argv) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  int status = 0;
  rusage usage{};
  if (argc < 2 || posix_spawn(&pid, argv[1], &actions, nullptr, argv + 1, environ) != 0) return 1;
  if (wait4(pid, &status, 0, &usage) < 0 || status != 0) return 1;
  std::printf("%ld\n", usage.ru_maxrss);
  return 0;
}
