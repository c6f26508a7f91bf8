# Mixtures with noise of several densities that otrimle fits, and its criterion, as JSON.
# Arguments: NAME=FILE.csv,N_COMPONENTS ...

suppressPackageStartupMessages({library(mclust); library(otrimle)})

number <- function(x) paste0("[", paste(formatC(x, digits = 17, format = "g"), collapse = ", "), "]")

fit <- function(x, n_components, initial, log_density) {
  found <- rimle(x, n_components, initial, log_density, erc = 1e12, iter.max = 1e5, tol = 1e-10)
  if (found$code == 0) return(NULL)
  sprintf(
    '{"log_density": %s, "weights": %s, "means": %s, "covariances": %s, "log_likelihood": %s, "criterion": %s, "is_bounded": %s}',
    number(log_density), number(found$pi), number(found$mean), number(found$cov),
    number(found$iloglik), number(found$criterion), tolower(grepl("3", found$flag))
  )
}

describe <- function(argument) {
  name <- sub("=.*", "", argument)
  parts <- strsplit(sub("^[^=]*=", "", argument), ",")[[1]]
  x <- as.matrix(read.csv(parts[1], header = FALSE))
  n_components <- as.integer(parts[2])
  # otrimle wants a guess of what is noise: the tenth of the rows farthest from the mean
  distance <- mahalanobis(x, colMeans(x), cov(x))
  is_noise <- distance > quantile(distance, 0.9)
  initial <- integer(nrow(x))
  initial[!is_noise] <- hclass(hc(x[!is_noise, ], modelName = "VVV"), n_components)
  whole <- Mclust(x, n_components, "VVV", verbose = FALSE)
  median_density <- median(dens(x, "VVV", whole$parameters, logarithm = TRUE))
  grid <- seq(-log(hypvol(x)), median_density, length.out = 16)
  fits <- unlist(lapply(grid, function(at) fit(x, n_components, initial, at)))
  best <- otrimle(
    x, n_components, initial, grid, erc = 1e12, iter.max = 1e5, tol = 1e-10, ncores = 1,
    monitor = FALSE
  )
  sprintf('"%s": {"best": %s, "fits": [%s]}', name, number(best$logicd), paste(fits, collapse = ",\n"))
}

cat("{", paste(sapply(commandArgs(trailingOnly = TRUE), describe), collapse = ",\n"), "}\n")
