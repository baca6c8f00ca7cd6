#pragma once
// The instructions of AMX that Regulus uses, emulated: a handler of SIGILL does what the processor would have done. So the code for AMX is tested, as it is compiled,
// on every processor that has AVX512-BF16. A program that links emulated_amx.cpp has the handler from its beginning.
#include <cstdint>

namespace regulus::testing {

/// So far, of all threads; 0 on processors that have the instructions.
std::int64_t emulated_instructions();

}  // namespace regulus::testing
