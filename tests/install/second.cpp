#include "second.hpp"

#include <regulus/regulus.hpp>

std::size_t operations_in_second_file() { return regulus::recorded<regulus::Classifier<regulus::RegNet<regulus::regnetx_200mf>, 10>>().nodes.size(); }
