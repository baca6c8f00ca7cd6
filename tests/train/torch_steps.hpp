#pragma once
// Made by torch_steps.py: the loss and the norm of all gradients at each step, then the sums of |running means| and of running variances.

struct TorchSteps {
    const char* model;
    bool stored_statistics;
    double losses[5], norms[5], means, variances;
};

inline constexpr TorchSteps torch_steps[] = {
    {"torchvision/regnet_x_400mf", false, {14.72157169, 14.64707565, 14.54585278, 14.4236575, 14.28684428}, {1970.875097, 1933.4564, 1873.314813, 1826.997653, 1726.084236}, 6335.37275, 27531.9923},
    {"torchvision/regnet_y_400mf", false, {10.55124254, 10.52615316, 10.49138147, 10.44861395, 10.39972156}, {663.7824186, 665.390184, 642.8208364, 617.0348058, 618.5991702}, 3541.42779, 15907.1543},
    {"torchvision/resnet50", false, {8.375020295, 8.325097614, 8.257762174, 8.175704751, 8.083834678}, {1357.564289, 1313.492813, 1241.294535, 1205.216657, 1163.188274}, 7898.43554, 32451.0585},
    {"torchvision/regnet_x_400mf", true, {29926.16434, 29912.88498, 29893.94943, 29869.93161, 29841.35755}, {349403.7002, 349380.5893, 349207.6655, 348916.1234, 348670.6531}, 939.365349, 18910.3492},
};
