# mclust, one thread: EM from given parameters, full covariances.
suppressMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
iterations <- as.integer(arguments[2])
shape <- scan(file.path(folder, "shape.txt"), quiet = TRUE)
numbers <- function(name, n) readBin(file.path(folder, name), "double", n, size = 8)
n <- shape[1]; d <- shape[2]; k <- shape[3]
rows <- t(matrix(numbers("rows.bin", n * d), d, n))
parameters <- list(
  pro = numbers("weights.bin", k),
  mean = matrix(numbers("means.bin", k * d), d, k),
  variance = mclustVariance("VVV", d = d, G = k)
)
sigma <- array(numbers("covariances.bin", k * d * d), c(d, d, k))
parameters$variance$sigma <- sigma
parameters$variance$cholsigma <- array(apply(sigma, 3, chol), c(d, d, k))
fit <- function(n) em(modelName = "VVV", data = rows, parameters = parameters, control = emControl(itmax = n, tol = c(0, 0)))
seconds <- sapply(c(1, 1 + iterations), function(n) system.time(fit(n))[["elapsed"]])
cat(sprintf(
  '{"version": "%s", "seconds": %.9g, "note": "one thread"}\n',
  as.character(packageVersion("mclust")), (seconds[2] - seconds[1]) / iterations
))
