"""Reports: sections whose figures come from tool calls, as one HTML page and as a workbook."""
