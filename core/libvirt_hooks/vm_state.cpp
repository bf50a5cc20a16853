#include "vdsm_hook/libvirt_hooks/vm_state.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <thread>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr std::string_view kLock = ".lock", kRun = ".run", kExpected = "expected.", kSeen = "seen", kFired = "fired.";
constexpr std::size_t kMaxSeenBytes = 128;
constexpr std::size_t kMaxRunBytes = 2 * kMaxPayloadBytes;

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

// Nobody sets this clock, and what is in RUNTIME_DIR does not outlive it.
long long boot_milliseconds() {
  struct timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// No fsync: what is in RUNTIME_DIR does not outlive the machine.
void write_file(const std::string& file, std::string_view content) {
  const auto temporary = file + "." + random_uuid().substr(0, 8);
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
  if (!fd) return std::nullopt;
  return read_to_end(fd.get(), max_bytes, file);
}

void remove_file(const std::string& file) {
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) throw Error::from_errno("cannot remove " + file, errno);
}

boost::json::array pairs_of(const Variables& variables) {
  boost::json::array pairs;
  for (const auto& [name, value] : variables) pairs.push_back({name, value});
  return pairs;
}

Variables variables_from(const boost::json::value& pairs) {
  Variables variables;
  for (const auto& pair : pairs.as_array()) variables.emplace_back(pair.at(0).as_string(), pair.at(1).as_string());
  return variables;
}

boost::json::value to_json(const VmRun& run) {
  return {{"command", run.command},     {"pid", run.pid},
          {"since", run.since},         {"phase", run.phase},
          {"has_acted", run.has_acted}, {"hooks_ran", run.hooks_ran},
          {"own_events", boost::json::value_from(run.own_events)},
          {"created", pairs_of(run.created)},
          {"properties", pairs_of(run.properties)},
          {"parameters", pairs_of(run.parameters)},
          {"document", run.document}};
}

VmRun run_from(const boost::json::value& value) {
  VmRun run;
  run.command = value.at("command").as_string();
  run.pid = boost::json::value_to<pid_t>(value.at("pid"));
  run.since = value.at("since").as_string();
  run.phase = value.at("phase").as_string();
  run.has_acted = value.at("has_acted").as_bool();
  run.hooks_ran = value.at("hooks_ran").as_bool();
  run.own_events = boost::json::value_to<std::vector<std::string>>(value.at("own_events"));
  run.created = variables_from(value.at("created"));
  run.properties = variables_from(value.at("properties"));
  run.parameters = variables_from(value.at("parameters"));
  run.document = value.at("document").as_string();
  return run;
}

}  // namespace

VmState::VmState(const std::string& runtime_dir, std::string_view uuid)
    : runtime_dir_(runtime_dir), directory_(runtime_dir + "/vms/" + lower(uuid)) {
  if (!is_uuid(uuid)) throw Error(Errc::wrong_use, "'" + printable(uuid.substr(0, 80)) + "' is no UUID of a VM");
}

std::string VmState::file(std::string_view name) const { return directory_ + "/" + std::string(name); }

void VmState::make_directory() {
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
    if (stop.stop_requested() || (!has_waited && !on_wait(read_run(host_uuid)))) return {};
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

void VmState::write_run(std::string_view host_uuid, const VmRun& run) {
  write_file(file(lower(host_uuid) + std::string(kRun)), boost::json::serialize(to_json(run)));
}

std::optional<VmRun> VmState::read_run(std::string_view host_uuid) const {
  const auto name = file(lower(host_uuid) + std::string(kRun));
  const auto text = read_if_there(name, kMaxRunBytes);
  if (!text) return std::nullopt;
  try {
    return run_from(boost::json::parse(*text));
  } catch (const std::exception& error) {  // no JSON, or other JSON
    throw Error(Errc::engine_failure, name + " cannot be read (" + error.what() + "): remove it");
  }
}

void VmState::remove_run(std::string_view host_uuid) {
  remove_file(file(lower(host_uuid) + std::string(kRun)));
  for (const auto& name : names_in(directory_))
    if (name.starts_with(kFired)) remove_file(file(name));
}

bool VmState::is_fired_by_command(std::string_view event) const {
  for (const auto& name : names_in(directory_)) {
    if (!name.ends_with(kLock) || !is_held(file(name))) continue;
    const auto run = read_run(name.substr(0, name.size() - kLock.size()));
    if (run && run->has_acted && std::find(run->own_events.begin(), run->own_events.end(), event) != run->own_events.end()) return true;
  }
  return false;
}

void VmState::note_fired(std::string_view event) {
  for (const auto& name : names_in(directory_)) {
    if (!name.ends_with(kRun)) continue;
    const auto host_uuid = name.substr(0, name.size() - kRun.size());
    const auto run = is_locked(host_uuid) ? std::nullopt : read_run(host_uuid);
    if (run && std::find(run->own_events.begin(), run->own_events.end(), event) != run->own_events.end())
      write_file(file(std::string(kFired) + std::string(event)), "");
  }
}

bool VmState::was_fired(std::string_view event) const { return ::access(file(std::string(kFired) + std::string(event)).c_str(), F_OK) == 0; }

// What libvirt never told of, or nobody listened to, must not hide what others do later. While a command waits for
// libvirt nothing is too old: to save a large VM takes long.
void VmState::forget_old_expected() const {
  const auto now = std::time(nullptr);
  const auto names = names_in(directory_);
  if (std::any_of(names.begin(), names.end(), [this](const auto& name) { return name.ends_with(kLock) && is_held(file(name)); })) return;
  for (const auto& name : names) {
    struct stat st{};
    if (name.starts_with(kExpected) && ::stat(file(name).c_str(), &st) == 0 && now - st.st_mtime > kExpectedFor.count()) remove_file(file(name));
  }
}

void VmState::expect(std::string_view event) {
  make_directory();
  forget_old_expected();
  const auto name = file(std::string(kExpected) + std::string(event) + "." + random_uuid().substr(0, 8));
  if (!UniqueFd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600))) throw Error::from_errno("cannot make " + name, errno);
}

void VmState::renew_expected(std::string_view event) const {
  for (const auto& name : names_in(directory_))
    if (name.starts_with(std::string(kExpected) + std::string(event) + ".")) ::utimensat(AT_FDCWD, file(name).c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

bool VmState::take_expected(std::string_view event) {
  forget_old_expected();
  const auto wanted = std::string(kExpected) + std::string(event) + ".";
  for (const auto& name : names_in(directory_))
    if (name.starts_with(wanted) && ::unlink(file(name).c_str()) == 0) return true;
  return false;
}

std::string VmState::seen() const {
  auto text = read_if_there(file(kSeen), kMaxSeenBytes).value_or("");
  const auto blank = text.find(' ');
  if (blank == std::string::npos) return text;
  long long until = 0;
  const auto* digits = text.data() + blank + 1;
  if (std::from_chars(digits, text.data() + text.size(), until).ec != std::errc() || until <= boot_milliseconds()) return "";
  text.resize(blank);
  return text;
}

void VmState::set_seen(std::string_view word, std::chrono::milliseconds lasts) {
  if (word.empty()) {
    remove_file(file(kSeen));
    ::rmdir(directory_.c_str());  // fails where something else is in it
    return;
  }
  make_directory();
  write_file(file(kSeen), std::string(word) + (lasts.count() > 0 ? " " + std::to_string(boot_milliseconds() + lasts.count()) : ""));
}

std::vector<std::string> vms_with_state(const std::string& runtime_dir) {
  auto names = names_in(runtime_dir + "/vms");
  std::erase_if(names, [](const std::string& name) { return !is_uuid(name); });
  return names;
}

}  // namespace vdsm_hook
