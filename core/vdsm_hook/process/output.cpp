#include "vdsm_hook/process/output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vdsm_hook/process/start.hpp"

namespace vdsm_hook {

namespace asio = boost::asio;

Output::Output(asio::io_context& context) : pipe_(context) {
  const auto fail = [] { throw boost::system::system_error(errno, boost::system::system_category()); };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail();
  UniqueFd read = above_stdio(ends[0]);
  write_ = above_stdio(ends[1]);
  if (!read || !write_) fail();
  pipe_.assign(read.get());
  read.release();
  pipe_.non_blocking(true);
}

void Output::read(std::size_t whole_bytes, std::function<void()> on_end) {
  whole_bytes_ = whole_bytes;
  on_end_ = std::move(on_end);
  wait();
}

void Output::drain() {
  while (take_some()) {
  }
}

OutputTail Output::take() {
  if (tail_.text.size() > whole_bytes_ || tail_.cut > 0) keep_tail();
  return std::exchange(tail_, {});
}

void Output::wait() {
  pipe_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    if (error || has_ended_) return;
    // One piece a turn: a flood must not keep the deadline from being seen.
    take_some();
    if (has_ended_) return on_end_();
    wait();
  });
}

// Whether there may be more.
bool Output::take_some() {
  const auto count = ::read(pipe_.native_handle(), buffer_.data(), buffer_.size());
  if (count <= 0) {
    has_ended_ = count == 0;
    return count < 0 && errno == EINTR;
  }
  tail_.text.append(buffer_.data(), static_cast<std::size_t>(count));
  const auto whole = tail_.cut > 0 ? 0 : whole_bytes_;  // it is not whole any more
  if (tail_.text.size() > std::max(whole, 4 * kOutputTailBytes)) keep_tail();
  return true;
}

void Output::keep_tail() {
  const auto size = std::min(whole_bytes_, kOutputTailBytes);
  if (tail_.text.size() <= size) return;
  const auto surplus = tail_.text.size() - size;
  tail_.text.erase(0, surplus);
  tail_.cut += surplus;
}

}  // namespace vdsm_hook
