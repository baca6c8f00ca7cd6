// PyTorch's layout of before version 1.6: five pickles, then the storages. A first byte 'L' stands for the first three pickles, which are always the same.
#include "fuzz_file.hpp"

#include "../weights/pickle_assembler.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const std::string preamble = regulus::testing::legacy_preamble();
    if (size != 0 && bytes[0] == 'L') {
        const std::string file = preamble + std::string(reinterpret_cast<const char*>(bytes + 1), size - 1);
        regulus::fuzz::read_everything(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
    } else {
        regulus::fuzz::read_everything(bytes, size);
    }
    return 0;
}
