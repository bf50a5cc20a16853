// What a hook writes: its two output pipes. Inside core/vdsm_hook/process only.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "vdsm_hook/base/unique_fd.hpp"
#include "vdsm_hook/process/runner.hpp"

namespace vdsm_hook {

/// One output stream: a pipe, and the last part of what came out of it. Serves one hook after the other, as long as
/// nobody else can have the pipe.
class Output {
 public:
  /// Throws system_error.
  explicit Output(boost::asio::io_context& context);

  int write_end() const { return write_.get(); }
  /// From now on the end shows, once no other process can write any more.
  void close_write_end() { write_.reset(); }
  bool has_ended() const { return has_ended_; }

  /// Keeps what comes, up to WHOLE_BYTES all of it; ON_END is called at the end.
  void read(std::size_t whole_bytes, std::function<void()> on_end);
  /// Takes what is in the pipe already. Nobody must be left who could write without end.
  void drain();
  void stop_reading() { pipe_.cancel(); }

  /// What was kept; then there is nothing.
  OutputTail take();

 private:
  void wait();
  bool take_some();
  void keep_tail();

  boost::asio::posix::stream_descriptor pipe_;
  UniqueFd write_;
  std::function<void()> on_end_;
  bool has_ended_ = false;
  std::size_t whole_bytes_ = kOutputTailBytes;
  std::array<char, 16384> buffer_;
  OutputTail tail_;
};

struct Outputs {
  Output out, err;
  explicit Outputs(boost::asio::io_context& context) : out(context), err(context) {}
};

}  // namespace vdsm_hook
