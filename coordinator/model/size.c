/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/size.h"

char *
lull_size_format(guint64 bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    double size = (double)bytes;
    gsize unit = 0;

    for (; size >= 1024 && unit < G_N_ELEMENTS(units) - 1; unit++)
        size /= 1024;
    g_ascii_formatd(number, sizeof number, unit ? "%.1f" : "%.0f", size);
    return g_strconcat(number, " ", units[unit], NULL);
}
