// .npy files. A first byte 'H' makes the rest the header's text of version 1 and adds its frame and 24 bytes of elements; everything else is a whole file.
#include "fuzz_file.hpp"

#include "../weights/pickle_assembler.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size != 0 && bytes[0] == 'H' && size < 60'000) {
        const std::string file = regulus::testing::npy(std::string(reinterpret_cast<const char*>(bytes + 1), size - 1), std::string(24, '\1'));
        regulus::fuzz::read_everything(reinterpret_cast<const std::uint8_t*>(file.data()), file.size());
    } else {
        regulus::fuzz::read_everything(bytes, size);
    }
    return 0;
}
