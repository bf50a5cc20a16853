#include "vdsm_hook/libvirt_hooks/vm_state.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kLock = ".lock", kRecord = "record", kRecordOfFirstVersion = ".run";
constexpr std::size_t kMaxRecordBytes = 2 * kMaxPayloadBytes;

std::string lower(std::string_view uuid) {
  std::string text(uuid);
  for (auto& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
  return text;
}

std::vector<std::string> names_in(const std::string& directory) {
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> dir(::opendir(directory.c_str()));
  std::vector<std::string> names;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

// An open file description's lock, which a look at it does not disturb.
struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_held(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  auto lock = whole_file(F_WRLCK);
  return fd && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// No fsync: what is in RUNTIME_DIR does not outlive the machine. One writer at a time: what stands beside FILE is left of one that was killed.
void write_file(const std::string& file, std::string_view content) {
  const auto temporary = file + ".new";
  ::unlink(temporary.c_str());
  try {
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) throw Error::from_errno("cannot make " + temporary, errno);
    write_all(fd.get(), content, temporary);
    if (::rename(temporary.c_str(), file.c_str()) != 0) throw Error::from_errno("cannot write " + file, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

std::optional<std::string> read_if_there(const std::string& file, std::size_t max_bytes) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) throw Error::from_errno("cannot open " + file, errno);
  auto text = read_to_end(fd.get(), max_bytes, file);
  if (!text) throw Error(Errc::bad_document, "it is longer than " + std::to_string(max_bytes) + " bytes");
  return text;
}

void remove_file(const std::string& file) {
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) throw Error::from_errno("cannot remove " + file, errno);
}

}  // namespace

VmState::VmState(const std::string& runtime_dir, std::string_view uuid)
    : runtime_dir_(runtime_dir), directory_(runtime_dir + "/vms/" + lower(uuid)) {
  if (!is_uuid(uuid)) throw Error(Errc::wrong_use, "'" + printable(uuid.substr(0, 80)) + "' is no UUID of a VM");
}

std::string VmState::file(std::string_view name) const { return directory_ + "/" + std::string(name); }

void VmState::make_directory() const {
  make_own_directory(runtime_dir_);
  for (const auto& directory : {runtime_dir_ + "/vms", directory_})
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) throw Error::from_errno("cannot make the directory " + directory, errno);
}

UniqueFd VmState::lock(std::string_view host_uuid, const std::stop_token& stop, const std::function<bool(const std::optional<VmRun>&)>& on_wait) {
  const auto name = file(lower(host_uuid) + std::string(kLock));
  auto pause = std::chrono::milliseconds(1);
  for (bool has_waited = false;;) {
    make_directory();
    UniqueFd fd(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd && errno == ENOENT) continue;  // whoever was the last removed the directory
    if (!fd) throw Error::from_errno("cannot open " + name, errno);
    auto lock = whole_file(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) {
      struct stat locked{}, now{};
      const bool is_it = ::fstat(fd.get(), &locked) == 0 && ::stat(name.c_str(), &now) == 0 && locked.st_ino == now.st_ino && locked.st_dev == now.st_dev;
      if (is_it) return fd;
      continue;
    }
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) throw Error::from_errno("cannot lock " + name, errno);
    // Its parent waits for it.
    const char* const vm_of_hook = std::getenv("vmId");
    if (std::getenv("VDSM_HOOK_RUN_ID") != nullptr && vm_of_hook != nullptr && directory_.ends_with("/" + lower(vm_of_hook)))
      throw Error(Errc::refused, "a command that holds this VM waits for the hook that asks for it: a hook cannot change its own VM in this way");
    if (stop.stop_requested() || (!has_waited && !on_wait(holder(host_uuid)))) return {};
    has_waited = true;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
}

void VmState::unlock(std::string_view host_uuid, const UniqueFd) const {
  const auto name = lower(host_uuid) + std::string(kLock);
  const auto names = names_in(directory_);
  if (names.size() != 1 || names[0] != name) return;
  ::unlink(file(name).c_str());  // still locked: who waits for it finds that it is gone, and makes another
  ::rmdir(directory_.c_str());
}

bool VmState::is_locked(std::string_view host_uuid) const { return is_held(file(lower(host_uuid) + std::string(kLock))); }

bool VmState::is_held_by_anybody() const {
  const auto names = names_in(directory_);
  return std::any_of(names.begin(), names.end(), [this](const auto& name) { return name.ends_with(kLock) && is_held(file(name)); });
}

VmRecord VmState::read() const {
  auto name = file(kRecord);
  try {
    if (const auto text = read_if_there(name, kMaxRecordBytes)) return record_from(*text);
    for (const auto& other : names_in(directory_)) {
      if (!other.ends_with(kRecordOfFirstVersion)) continue;
      name = file(other);
      throw Error(Errc::bad_document, "the first version of vdsm-hook has written it");
    }
    return {};
  } catch (const Error& error) {
    if (error.code() != Errc::bad_document) throw;
    throw Error(Errc::engine_failure, name + ", where it is written down what happens to the VM, cannot be read (" + error.what() +
                                          "): see in it what was left, and remove it; `vdsm-hook vm destroy` ends a VM that runs all the same");
  }
}

// The directory itself is what is locked: no file for it can be left behind, and it is the one that has the name now.
UniqueFd VmState::open_alone() {
  const auto end = std::chrono::steady_clock::now() + kMaxLockWait;
  while (true) {
    make_directory();
    UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd && errno == ENOENT) continue;  // whoever was the last removed it
    if (!fd) throw Error::from_errno("cannot open " + directory_, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      struct stat st{};
      if (::fstat(fd.get(), &st) == 0 && st.st_nlink > 0) return fd;
      continue;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) throw Error::from_errno("cannot lock " + directory_, errno);
    if (std::chrono::steady_clock::now() >= end)
      throw Error(Errc::engine_failure, directory_ + " is being changed by another process for " + to_text(kMaxLockWait) + ": see which one has stopped there");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void VmState::change(const std::function<void(VmRecord&)>& change) {
  const auto alone = open_alone();
  auto record = read();
  const bool was_empty = record.is_empty();
  change(record);
  if (!record.is_empty()) {
    write_file(file(kRecord), to_text(record));
  } else {
    if (!was_empty) remove_file(file(kRecord));
    ::rmdir(directory_.c_str());  // fails where a lock is in it
  }
}

void VmState::forget() const {
  for (const auto& name : names_in(directory_))
    if (!name.ends_with(kLock)) remove_file(file(name));
}

std::optional<VmRun> VmState::holder(std::string_view host_uuid) const {
  try {
    return read_run(host_uuid);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<VmRun> VmState::read_run(std::string_view host_uuid) const {
  auto record = read();
  const auto found = record.runs.find(lower(host_uuid));
  return found == record.runs.end() ? std::nullopt : std::optional(std::move(found->second));
}

void VmState::write_run(std::string_view host_uuid, const VmRun& run) {
  change([&](VmRecord& record) { record.runs[lower(host_uuid)] = run; });
}

void VmState::remove_run(std::string_view host_uuid) {
  change([&](VmRecord& record) { record.runs.erase(lower(host_uuid)); });
}

bool VmState::is_fired_by_command(std::string_view event) const {
  const auto record = read();
  return std::any_of(record.runs.begin(), record.runs.end(), [&](const auto& entry) {
    const auto& run = entry.second;
    return run.has_acted() && std::find(run.own_events.begin(), run.own_events.end(), event) != run.own_events.end() && is_locked(entry.first);
  });
}

void VmState::note_fired(std::string_view event) {
  const auto is_left = [this](const auto& entry) { return !is_locked(entry.first); };
  const auto now = read();
  if (std::none_of(now.runs.begin(), now.runs.end(), is_left)) return;
  change([&](VmRecord& record) {
    for (auto& entry : record.runs)
      if (is_left(entry)) entry.second.fired.push_back({std::string(event), "", true});
  });
}

bool VmState::take_expected(std::string_view event) {
  if (read().expected.empty()) return false;
  bool is_taken = false;
  change([&](VmRecord& record) {
    // While a command waits for libvirt nothing is too old: to save a large VM takes long.
    if (!is_held_by_anybody()) record.forget_old_expected();
    is_taken = record.unexpect(event);
  });
  return is_taken;
}

std::vector<std::string> vms_with_state(const std::string& runtime_dir) {
  auto names = names_in(runtime_dir + "/vms");
  std::erase_if(names, [](const std::string& name) { return !is_uuid(name); });
  return names;
}

}  // namespace vdsm_hook
