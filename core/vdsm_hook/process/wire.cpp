#include "vdsm_hook/process/wire.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "vdsm_hook/base/error.hpp"

namespace vdsm_hook {
namespace {

template <typename T>
concept Plain = std::is_trivially_copyable_v<T>;

// Each kind of message is written down once: fields(WIRE, VALUE) visits every member, for the Packer and the Unpacker
// alike.
template <typename Wire, typename Value>
void fields(Wire& wire, Value& value) requires std::is_same_v<std::remove_const_t<Value>, OutputTail> {
  wire(value.text, value.cut);
}
template <typename Wire, typename Value>
void fields(Wire& wire, Value& value) requires std::is_same_v<std::remove_const_t<Value>, LeftProcess> {
  wire(value.pid, value.name);
}
template <typename Wire, typename Value>
void fields(Wire& wire, Value& value) requires std::is_same_v<std::remove_const_t<Value>, ProcessOutcome> {
  wire(value.kind, value.exit_code, value.signal, value.is_cancelled, value.why, value.duration, value.out, value.err,
       value.tree, value.survivors);
}
template <typename Wire, typename Value>
void fields(Wire& wire, Value& value) requires std::is_same_v<std::remove_const_t<Value>, Answer> {
  wire(value.is_last, value.failure, value.outcome);
}
template <typename Wire, typename Value>
void fields(Wire& wire, Value& value) requires std::is_same_v<std::remove_const_t<Value>, ProcessSpec> {
  wire(value.program, value.environment, value.deadline, value.grace, value.arguments, value.input_file,
       value.max_output_bytes, value.runs_plain_text, value.is_marked);
}
template <typename Wire, typename Value>
void fields(Wire& wire, Value& value) requires std::is_same_v<std::remove_const_t<Value>, WatchedFile> {
  wire(value.path, value.place, value.content);
}

class Packer {
 public:
  template <typename... Values>
  void operator()(const Values&... values) {
    (add(values), ...);
  }
  std::string take() && {
    if (data_.size() > kMaxMessageBytes)
      throw Error(Errc::engine_failure, "all hooks of the event together need " + std::to_string(data_.size()) +
                                            " bytes of properties and settings, more than the " +
                                            std::to_string(kMaxMessageBytes) + " that the engine hands over");
    const std::uint64_t size = data_.size() - sizeof(std::uint64_t);
    std::memcpy(data_.data(), &size, sizeof size);
    return std::move(data_);
  }

 private:
  template <typename Value>
  void add(const Value& value) {
    if constexpr (Plain<Value>) {
      data_.append(reinterpret_cast<const char*>(&value), sizeof value);
    } else {
      fields(*this, value);
    }
  }
  void add(std::string_view text) {
    add(text.size());
    data_ += text;
  }
  void add(const std::string& text) { add(std::string_view(text)); }
  template <typename Value>
  void add(const std::vector<Value>& values) {
    add(values.size());
    for (const auto& value : values) add(value);
  }

  std::string data_ = std::string(sizeof(std::uint64_t), '\0');  // its length comes first
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view data) : left_(data) {}
  template <typename... Values>
  void operator()(Values&... values) {
    (get(values), ...);
  }
  void end() const {
    if (!left_.empty()) throw Error(Errc::engine_failure, "a message between engine and helper is too long");
  }

 private:
  std::string_view take(std::size_t count) {
    if (count > left_.size()) throw Error(Errc::engine_failure, "a message between engine and helper is cut");
    const auto taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  template <typename Value>
  void get(Value& value) {
    if constexpr (Plain<Value>) {
      std::memcpy(static_cast<void*>(&value), take(sizeof value).data(), sizeof value);
    } else {
      fields(*this, value);
    }
  }
  // No byte but these two is a bool.
  void get(bool& value) { value = take(1)[0] != 0; }
  void get(std::string_view& text) {
    std::size_t size = 0;
    get(size);
    text = take(size);
  }
  void get(std::string& text) {
    std::string_view view;
    get(view);
    text = view;
  }
  template <typename Value>
  void get(std::vector<Value>& values) {
    std::size_t count = 0;
    get(count);
    values.clear();
    for (; count > 0; --count) get(values.emplace_back());  // each takes at least a byte, so a wrong count ends soon
  }

  std::string_view left_;
};

template <typename... Values>
std::string packed(const Values&... values) {
  Packer out;
  out(values...);
  return std::move(out).take();
}

template <typename... Values>
void unpack(std::string_view content, Values&... values) {
  Unpacker in(content);
  in(values...);
  in.end();
}

}  // namespace

// The environment in common goes before the first of those that have it.
std::string pack(const std::vector<ProcessSpec>& specs, const WatchedFile& file) {
  Packer out;
  out(file, specs.size());
  const std::vector<std::string>* sent = nullptr;
  for (const auto& spec : specs) {
    const auto* common = spec.common_environment.get();
    const bool is_new = common != nullptr && common != sent;
    out(spec, common != nullptr, is_new);
    if (!is_new) continue;
    out(*common);
    sent = common;
  }
  return std::move(out).take();
}
std::string pack(const Answer& answer) { return packed(answer); }

Batch unpack_batch(std::string_view content) {
  Batch batch;
  Unpacker in(content);
  std::size_t count = 0;
  in(batch.file, count);
  std::shared_ptr<const std::vector<std::string>> common;
  for (; count > 0; --count) {
    auto& spec = batch.specs.emplace_back();
    bool has_common = false, is_new = false;
    in(spec, has_common, is_new);
    if (is_new) {
      std::vector<std::string> entries;
      in(entries);
      common = std::make_shared<const std::vector<std::string>>(std::move(entries));
    }
    if (has_common) spec.common_environment = common;
  }
  in.end();
  return batch;
}
Answer unpack_answer(std::string_view content) {
  Answer answer;
  unpack(content, answer);
  return answer;
}

bool receive(int fd, std::string& content) {
  const auto exactly = [fd](char* at, std::size_t count) {
    while (count > 0) {
      const auto n = ::recv(fd, at, count, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += n;
      count -= static_cast<std::size_t>(n);
    }
    return true;
  };
  std::uint64_t size = 0;
  if (!exactly(reinterpret_cast<char*>(&size), sizeof size) || size > kMaxMessageBytes) return false;
  content.resize(size);
  return exactly(content.data(), content.size());
}

bool send(int fd, std::string_view messages) {
  while (!messages.empty()) {
    const auto n = ::send(fd, messages.data(), messages.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    messages.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace vdsm_hook
