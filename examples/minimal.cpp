// The shortest useful program: find fasteners on a picture. Header-only: include, link dnnl, jpeg, png and cairo, run.
#include <iostream>

#include <regulus/regulus.hpp>

#include <regulus/cpu.hpp>

#include "fasteners.hpp"

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: minimal WEIGHTS PICTURE\n";
        return 2;
    }
    try {
        const regulus::Detector<Fasteners> detector{regulus::CpuBackend{}, regulus::read_weights(argv[1])};
        for (const auto& detection : detector(regulus::read_image(argv[2]))) std::cout << detection << '\n';
    } catch (const regulus::Error& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
