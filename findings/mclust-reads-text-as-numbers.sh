#!/bin/sh
# mclust clusters by the alphabetical order of the names in a text column, and Mclust(iris) by the species.
#
# Expected: Mclust(frame) takes the columns of numbers, or refuses a frame that has others. Categories have no
#   distances.
# Found: a factor or a text column becomes a feature: the place of its name in the alphabet, 1, 2, 3, ...
#   (data.matrix). Mclust(iris) has five features, Species among them, so that the labels with which a
#   clustering is compared have made it. A measured column with two groups has three beside a column of
#   three stations, and four after one station is renamed. No error and no warning, although the help page
#   says "Categorical variables are not allowed".
# Versions: mclust 6.0.0 (R package, as in Debian's r-cran-mclust), R 4.2.2.
# Why it matters: frames come with a sample, site or batch column. The fit looks clean, since such a column
#   separates perfectly. dgmm refuses such columns by name, and leaves those of files out with a message.
set -eu
Rscript - <<'R'
suppressMessages(library(mclust))
cat("mclust", as.character(packageVersion("mclust")), "on", R.version.string, "\n")
stopifnot(packageVersion("mclust") == "6.0.0")
fit <- function(data, ...) Mclust(data, verbose = FALSE, ...)
all_of_iris <- fit(iris, G = 3)
cat("features of Mclust(iris):", rownames(all_of_iris$parameters$mean), "\n")
right <- function(found) adjustedRandIndex(found$classification, iris$Species)
cat("agreement with the species, Mclust(iris):      ", round(right(all_of_iris), 3), "\n")
cat("agreement with the species, Mclust(iris[, -5]):", round(right(fit(iris[, -5], G = 3)), 3), "\n")
stopifnot("Species" %in% rownames(all_of_iris$parameters$mean))

set.seed(1)
data <- data.frame(x = c(rnorm(100), rnorm(100, 6)))
data$station <- sample(c("Bergen", "Narvik", "Oslo"), 200, replace = TRUE, prob = c(2, 1, 1))
renamed <- transform(data, station = sub("Bergen", "Zermatt", station))
cat("groups in x:", fit(data$x)$G, "\n")
groups <- c()
for (frame in list(data, renamed)) {
  found <- fit(frame)
  groups <- c(groups, found$G)
  cat("groups of x and station:", found$G, found$modelName, " means of station:",
      round(found$parameters$mean["station", ], 2), "\n")
}
stopifnot(fit(data$x)$G == 2, groups[1] > 2, groups[1] != groups[2])
R
