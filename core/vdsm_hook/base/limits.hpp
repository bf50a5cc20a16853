// Every size and time that is bounded, in one place. The guide's section "Bounds" states them all.
#pragma once

#include <chrono>
#include <cstddef>

namespace vdsm_hook {

/// A document; the configuration may say otherwise.
inline constexpr std::size_t kMaxPayloadBytes = 64U << 20;
/// Elements of XML, values of JSON within each other; libvirt's reader of XML takes as many.
inline constexpr std::size_t kMaxNesting = 256;
/// A longer document is not compared line by line.
inline constexpr std::size_t kMaxDiffBytes = 1U << 20;
/// Nor is one with more lines.
inline constexpr std::size_t kMaxDiffLines = 100'000;
/// What is kept of a hook's stdout, and of its stderr.
inline constexpr std::size_t kOutputTailBytes = 64U << 10;
/// A TOML file.
inline constexpr std::size_t kMaxSettingsBytes = 1U << 20;
/// Parts of a key in it; tables and arrays in one another.
inline constexpr std::size_t kMaxTomlDepth = 32;
/// Of a VM, of a device, in one text of definitions or values; entries of one condition.
inline constexpr std::size_t kMaxProperties = 1000;
/// Of one text of definitions.
inline constexpr std::size_t kMaxDefinitionBytes = 64U << 10;
/// Of a domain, where its devices have properties.
inline constexpr std::size_t kMaxDevices = 2048;
/// NAME=VALUE; Linux: longer makes exec fail (E2BIG).
inline constexpr std::size_t kMaxEnvironmentString = 131071;
/// Passwords that are looked for in what is shown, in each of their forms.
inline constexpr std::size_t kMaxSecrets = 1000;
/// Of a password for a guest's user.
inline constexpr std::size_t kMaxPasswordBytes = 4U << 10;
/// Between an engine and its helper: all hooks of an event.
inline constexpr std::size_t kMaxMessageBytes = 1U << 30;
inline constexpr std::size_t kMaxEventName = 64;
/// A larger hook is listed without its checksum.
inline constexpr std::size_t kMaxChecksumBytes = 256U << 20;
/// Entries looked at in one event directory.
inline constexpr std::size_t kMaxHooks = 4096;

inline constexpr std::chrono::milliseconds kDefaultDeadline = std::chrono::minutes(10);
/// Between TERM and KILL.
inline constexpr std::chrono::milliseconds kDefaultGrace = std::chrono::seconds(5);
/// How long output is still read after a hook has ended while somebody else holds its pipes open.
inline constexpr std::chrono::milliseconds kOutputGrace{50};
/// What a command that was told to end may take for it, besides its hooks; and an abort of what libvirt does.
inline constexpr std::chrono::milliseconds kStopPatience = std::chrono::seconds(5);
inline constexpr std::chrono::milliseconds kAbortPatience = std::chrono::seconds(30);
/// Of `vm recover`, for what libvirt still does.
inline constexpr std::chrono::milliseconds kMaxJobWait = std::chrono::minutes(10);
/// For a file that another process changes.
inline constexpr std::chrono::milliseconds kMaxLockWait = std::chrono::seconds(30);

}  // namespace vdsm_hook
