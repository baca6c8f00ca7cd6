#pragma once
#include <cstddef>

/// From another source file of the same program, which includes Regulus too.
std::size_t operations_in_second_file();
