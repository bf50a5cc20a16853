#include "vdsm_hook/libvirt_hooks/vm_state.hpp"

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
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
  auto names = Directory::find(directory, Links::own).names();
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
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
  const UniqueFd fd = open_path(file, O_RDWR | O_NOFOLLOW, Links::own).fd;
  auto lock = whole_file(F_WRLCK);
  return fd && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

// No fsync: what is in RUNTIME_DIR does not outlive the machine. One writer at a time: what stands beside FILE is left of one that was killed.
void write_file(const Directory& directory, const std::string& name, const std::string& file, std::string_view content) {
  const auto temporary = name + ".new";
  directory.remove(temporary);
  try {
    const auto opened = directory.open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!opened) opened.fail("write", file);
    write_all(opened.fd.get(), content, file);
    if (const int error = directory.rename(temporary, name); error != 0) throw Error::from_errno("cannot write " + file, error);
  } catch (...) {
    directory.remove(temporary);
    throw;
  }
}

std::optional<std::string> read_if_there(const std::string& file, std::size_t max_bytes) {
  const auto opened = open_path(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, Links::own);
  if (opened.error == ENOENT) return std::nullopt;
  if (!opened) opened.fail("open", file);
  auto text = read_to_end(opened.fd.get(), max_bytes, file);
  if (!text) throw Error(Errc::bad_document, "it is longer than " + std::to_string(max_bytes) + " bytes");
  return text;
}

void remove_file(const Directory& directory, const std::string& name, const std::string& file) {
  if (const int error = directory.remove(name); error != 0 && error != ENOENT) throw Error::from_errno("cannot remove " + file, error);
}

}  // namespace

VmState::VmState(const std::string& runtime_dir, std::string_view uuid)
    : runtime_dir_(runtime_dir), uuid_(lower(uuid)), directory_(runtime_dir + "/vms/" + uuid_) {
  if (!is_uuid(uuid)) throw Error(Errc::wrong_use, "'" + printable(uuid.substr(0, 80)) + "' is no UUID of a VM");
}

std::string VmState::file(std::string_view name) const { return directory_ + "/" + std::string(name); }

Directory VmState::directory_of_all() const { return Directory::find(runtime_dir_ + "/vms", Links::own); }

Directory VmState::make_directory() const {
  make_own_directory(runtime_dir_);
  const auto all = vdsm_hook::make_directory(runtime_dir_ + "/vms", 0700, 0700);
  if (const int error = all.make_directory(uuid_, 0700); error != 0 && error != EEXIST)
    throw Error::from_errno("cannot make the directory " + directory_, error);
  auto opened = all.open_file(uuid_, O_RDONLY | O_DIRECTORY);
  if (!opened && opened.error != ENOENT) opened.fail("open", directory_);
  return Directory(std::move(opened.fd));
}

UniqueFd VmState::lock(std::string_view host_uuid, const std::stop_token& stop, const std::function<bool(const std::optional<VmRun>&)>& on_wait) {
  const auto last = lower(host_uuid) + std::string(kLock), name = file(last);
  auto pause = std::chrono::milliseconds(1);
  for (bool has_waited = false;;) {
    const auto directory = make_directory();
    auto opened = directory ? directory.open_file(last, O_RDWR | O_CREAT, 0600) : Opened{{}, ENOENT, {}};
    if (opened.error == ENOENT) continue;  // whoever was the last removed the directory
    if (!opened) opened.fail("open", name);
    auto fd = std::move(opened.fd);
    auto lock = whole_file(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) {
      struct stat locked{};
      const auto now = status_of(name, false);
      const bool is_it = now && ::fstat(fd.get(), &locked) == 0 && locked.st_ino == now->st_ino && locked.st_dev == now->st_dev;
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
  const auto all = directory_of_all();
  if (const Directory directory(all.open_file(uuid_, O_PATH | O_DIRECTORY).fd); directory)
    directory.remove(name);  // still locked: who waits for it finds that it is gone, and makes another
  all.remove_directory(uuid_);
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
Directory VmState::open_alone() {
  const auto end = std::chrono::steady_clock::now() + kMaxLockWait;
  while (true) {
    auto directory = make_directory();
    if (!directory) continue;  // whoever was the last removed it
    if (::flock(directory.fd(), LOCK_EX | LOCK_NB) == 0) {
      if (const auto st = directory.status(); st && st->st_nlink > 0) return directory;
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
    write_file(alone, std::string(kRecord), file(kRecord), to_text(record));
  } else {
    if (!was_empty) remove_file(alone, std::string(kRecord), file(kRecord));
    directory_of_all().remove_directory(uuid_);  // fails where a lock is in it
  }
}

void VmState::forget() const {
  const auto directory = Directory::find(directory_, Links::own);
  for (const auto& name : names_in(directory_))
    if (!name.ends_with(kLock)) remove_file(directory, name, file(name));
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
