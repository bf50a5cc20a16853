# The line that looks most like the variable WORD of the environment, if one does: the fewest letters to change.
function min(a, b) { return a < b ? a : b }
BEGIN { word = ENVIRON["WORD"]; n = length(word) }
{
  m = length($0)
  for (j = 0; j <= m; j++) row[j] = j
  for (i = 1; i <= n; i++) {
    diagonal = row[0]; row[0] = i
    for (j = 1; j <= m; j++) {
      above = row[j]
      row[j] = min(min(row[j], row[j - 1]) + 1, diagonal + (substr(word, i, 1) != substr($0, j, 1)))
      diagonal = above
    }
  }
  if (NR == 1 || row[m] < distance) { best = $0; distance = row[m] }
}
END { if (distance <= 1 + n / 4) print best }
